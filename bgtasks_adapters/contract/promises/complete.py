"""The client never waits: its response is complete while a task still runs, in every framing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair, View
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.servers import Server
from bgtasks_adapters.contract.sites import Site
from bgtasks_adapters.doctor.client import FramingName


@dataclass(frozen=True)
class Exchange:
    """A request, and the framing of its response where the server has no choice."""

    name: str
    shape: str
    status: int = 200
    framing: FramingName | None = None
    method: str = "GET"
    version: str = "1.1"

    def framing_on(self, server: Server) -> FramingName:
        """Return the framing of the response of a server."""
        is_old = self.version == "1.0"
        of_streams = server.stream_framing_of_http_1_0 if is_old else server.stream_framing
        return self.framing or of_streams


EXCHANGES = (
    Exchange("content-length", "length", framing="content-length"),
    Exchange("stream", "stream"),
    Exchange("http-1.0-content-length", "length", framing="content-length", version="1.0"),
    Exchange("http-1.0-stream", "stream", version="1.0"),
    Exchange("head", "length", framing="none", method="HEAD"),
    Exchange("204", "empty", 204, "none"),
    Exchange("302", "redirect", 302, "content-length"),
    Exchange("304", "unchanged", 304, "none"),
)


def _sends_files(pair: Pair) -> bool:
    return "file" in pair.host.shapes


class Complete:
    """The client never waits: its response is complete while a task still runs."""

    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    @pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
    def test_the_response_is_complete_while_a_task_runs(
        self, site: Site, visit: Visit, view: View, exchange: Exchange, queue: str
    ) -> None:
        """The complete response is with the client while a task of it still runs."""
        host, server = site.pair.host, site.pair.server
        if defect := host.defects.get((server.name, exchange.name)):
            pytest.skip(defect)
        with site.connect() as connection:
            target = visit.target(view, exchange.shape, queue)
            response = connection.ask(target, method=exchange.method, version=exchange.version)
            visit.release("task")
        assert response.status == exchange.status
        assert response.framing == exchange.framing_on(server)
        assert visit.fate("task") == "succeeded"

    @only(_sends_files)
    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_a_file_is_complete_while_a_task_runs(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """A file that the server or the framework sends in its own way waits for no task either."""
        with site.connect() as connection:
            response = connection.ask(visit.target(view, "file", queue))
        visit.release("task")
        assert b"What every application offers" in response.body
        assert visit.fate("task") == "succeeded"
