"""No other request waits for a task, neither on the same connection nor on another."""

from __future__ import annotations

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair, View
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.sites import Site


def _keeps_alive(pair: Pair) -> bool:
    return pair.server.keeps_alive


def _keeps_alive_behind_streams(pair: Pair) -> bool:
    return pair.server.keeps_alive_behind_streams


def _has_async_views(pair: Pair) -> bool:
    return set(pair.host.views) == {"def", "async"} and pair.server.serves_others_meanwhile


class Connection:
    """No other request waits for a task, neither on the same connection nor on another."""

    @only(_keeps_alive)
    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_the_next_request_on_the_connection_is_not_held(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """The next request on the same connection is answered while a task of the last one runs."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", queue))
            response = connection.ask(visit.target(view, "length"))
        visit.release("task")
        assert response.status == 200
        assert visit.fate("task") == "succeeded"

    @only(_keeps_alive_behind_streams)
    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_the_next_request_behind_a_stream_is_not_held(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """The next request behind a chunked response is answered while a task of that one runs."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "stream", queue))
            response = connection.ask(visit.target(view, "length"))
        visit.release("task")
        assert response.status == 200
        assert visit.fate("task") == "succeeded"

    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_another_client_is_served(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """Another client is answered while a task runs, even by a server with one thread."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", queue))
        task = visit.wait_for("task", "started")
        with site.connect() as other:
            response = other.ask(visit.target(view, "length"))
        task.release()
        assert response.status == 200
        assert visit.fate("task") == "succeeded"

    @only(_has_async_views)
    def test_an_async_view_is_served(self, site: Site, visit: Visit) -> None:
        """An `async def` view is answered while an async task waits, whatever runs the loops."""
        with site.connect() as connection:
            connection.ask(visit.target("def", "length", "held_async"))
        task = visit.wait_for("task", "started")
        with site.connect() as other:
            response = other.ask(visit.target("async", "length"))
        task.release()
        assert response.status == 200
        assert visit.fate("task") == "succeeded"
