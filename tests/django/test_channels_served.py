"""Channels on real servers, with a real websocket client: how connections and servers end."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bgtasks_adapters.contract.gate import PATIENCE, Gate, Visit
from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import SERVERS

pytest.importorskip("channels")
websockets: Any = pytest.importorskip("websockets.sync.client")
exceptions: Any = pytest.importorskip("websockets.exceptions")

ROOT = Path(__file__).parents[2]
CONSUMERS = ["sync", "async"]

Start = Callable[..., RunningServer]


@pytest.fixture(params=["uvicorn", "daphne"])
def start(request: pytest.FixtureRequest, gate: Gate, tmp_path: Path) -> Iterator[Start]:
    started: list[RunningServer] = []

    def start(shutdown_timeout: float = PATIENCE) -> RunningServer:
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.channels_site.settings",
            "PYTHONPATH": os.pathsep.join(
                filter(None, [os.environ.get("PYTHONPATH", ""), str(ROOT)])
            ),
            "CONTRACT_GATE": str(gate.port),
            "CHANNELS_RECEIPT": str(tmp_path / "receipt"),
            "CHANNELS_SHUTDOWN_TIMEOUT": str(shutdown_timeout),
        }
        server = SERVERS[request.param]
        application = "tests.channels_site.asgi:application"
        started.append(RunningServer(server, application, environment, tmp_path / "output"))
        return started[0]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


def connect(server: RunningServer, consumer: str, visit: Visit) -> Any:
    url = f"ws://127.0.0.1:{server.port}/{consumer}?visit={visit.token}"
    return websockets.connect(url, open_timeout=PATIENCE, close_timeout=1)


def receipt_in(folder: Path) -> dict[str, Any]:
    receipt: dict[str, Any] = json.loads((folder / "receipt").read_text())
    return receipt


def hear(client: Any, text: str) -> None:
    client.send(text)
    assert client.recv(PATIENCE) == text


def leave(client: Any) -> None:
    client.close()


def vanish(client: Any) -> None:
    """Reset the connection, as a client does whose process is killed."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def be_closed(client: Any) -> None:
    client.send("close")
    with pytest.raises(exceptions.ConnectionClosed) as caught:
        client.recv(PATIENCE)
    assert caught.value.rcvd.code == 4000


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("end", [leave, vanish, be_closed])
def test_tasks_run_when_the_connection_has_ended(
    start: Start, gate: Gate, end: Callable[[Any], None], consumer: str
) -> None:
    """However the connection ends, the tasks start then, in Django's surroundings."""
    server, visit = start(), Visit(gate, "visit")
    with connect(server, consumer, visit) as client:
        hear(client, "hello")
        assert visit.history("started") == []
        end(client)
    for name in ("def connect", "async connect"):
        assert visit.wait_for(name, "started").info["language"] == "de"
        visit.release(name)
        assert visit.fate(name) == "succeeded"


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_consumer_that_raises(start: Start, gate: Gate, consumer: str) -> None:
    """Behind a consumer that raised the tasks are skipped, and that is reported."""
    server, visit = start(), Visit(gate, "visit")
    with connect(server, consumer, visit) as client:
        client.send("raise")
        with pytest.raises(exceptions.ConnectionClosed):
            client.recv(PATIENCE)
    for name in ("def connect", "async connect"):
        fate = visit.wait_for(name, "observed").info
        assert (fate["kind"], fate["reason"]) == ("skipped", "the view raised LookupError")


def test_a_view_of_django(start: Start, gate: Gate) -> None:
    """The client has the response of a view behind the router while its task waits."""
    server, visit = start(), Visit(gate, "visit")
    with server.connect() as client:
        assert client.ask(f"/view?visit={visit.token}").body == b"done"
    assert visit.wait_for("def view", "started").info["language"] == "de"
    visit.open()
    assert visit.fate("async view") == "succeeded"


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_shutdown_while_a_websocket_is_open(
    start: Start, gate: Gate, tmp_path: Path, consumer: str
) -> None:
    """A server that stops ends its connections, and their tasks run before the process ends. daphne
    tells nobody, and then Python 3.12 starts no thread any more: there the receipt names them."""
    server, visit = start(), Visit(gate, "visit")
    with connect(server, consumer, visit) as client:
        hear(client, "hello")
        server.send_sigterm()
        visit.open()
        server.wait_for_exit()
    receipt = receipt_in(tmp_path)
    is_too_late = "daphne" in server.output and sys.version_info[:2] == (3, 12)
    fate = "left_over" if is_too_late else "succeeded"
    assert (receipt["added"], receipt[fate]) == (2, 2), server.output


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_shutdown_that_does_not_wait_for_a_websocket_s_tasks(
    start: Start, gate: Gate, tmp_path: Path, consumer: str
) -> None:
    """Tasks that outlast the deadline are named in the receipt."""
    server, visit = start(shutdown_timeout=0.5), Visit(gate, "visit")
    with connect(server, consumer, visit) as client:
        hear(client, "hello")
        server.send_sigterm()
        server.wait_for_exit()
    receipt = receipt_in(tmp_path)
    assert (receipt["added"], receipt["left_over"]) == (2, 2), server.output
    assert sorted(receipt["tasks_left_over"]) == ["at_the_gate", "at_the_gate_async"]
