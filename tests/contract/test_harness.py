"""The contract can fail: its client and its gate tell what is held from what is complete."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair
from bgtasks_adapters.contract.servers import SERVERS
from bgtasks_adapters.contract.sites import StartSite
from bgtasks_adapters.doctor.client import Address, Connection, IncompleteResponseError

from . import test_hosts

SHORT_PATIENCE = 0.2
Answer = Callable[[bytes], tuple[Connection, socket.socket]]

COMPLETE = {
    "content-length": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    "none": b"HTTP/1.1 204 No Content\r\n\r\n",
}
UNTIL_THE_END = b"HTTP/1.0 200 OK\r\n\r\nbody"


@pytest.fixture
def answer() -> Iterator[Answer]:
    """Connect a client to a server that sends this and no more, and leaves the connection open."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Connection(Address(*listener.getsockname()), patience=SHORT_PATIENCE)
        accepted, _ = listener.accept()

    def send(sent: bytes) -> tuple[Connection, socket.socket]:
        accepted.sendall(sent)
        return connection, accepted

    with connection, accepted:
        yield send


@pytest.mark.parametrize("framing", COMPLETE)
def test_a_response_is_complete_with_its_last_byte(answer: Answer, framing: str) -> None:
    """A response is complete with its last byte, though the connection stays open."""
    connection, _ = answer(COMPLETE[framing])
    response = connection.read_response()
    assert response.framing == framing
    assert response.body == (b"" if framing == "none" else b"body")


@pytest.mark.parametrize("framing", COMPLETE)
def test_a_response_without_its_last_byte_is_held(answer: Answer, framing: str) -> None:
    """A response is held as long as its last byte is missing."""
    connection, _ = answer(COMPLETE[framing][:-1])
    with pytest.raises(IncompleteResponseError, match="held"):
        connection.read_response()


def test_a_response_without_a_length_ends_with_its_connection(answer: Answer) -> None:
    """A response of unknown length is complete when the server closes the connection."""
    connection, server = answer(UNTIL_THE_END)
    server.close()
    assert connection.read_response().body == b"body"


def test_a_response_without_a_length_is_held_by_its_connection(answer: Answer) -> None:
    """A response of unknown length is held as long as the connection is open."""
    connection, _ = answer(UNTIL_THE_END)
    with pytest.raises(IncompleteResponseError, match="held"):
        connection.read_response()


def test_a_task_inside_the_request_holds_the_client(start_site: StartSite, visit: Visit) -> None:
    """Where tasks run before the server has ended the response, the client sees itself held."""
    site = start_site(Pair(test_hosts.TestBareWsgi.host, SERVERS["waitress"]), executor="inline")
    try:
        with Connection(site.address, patience=SHORT_PATIENCE) as connection:
            connection.send(visit.target("def", "stream", "held_def"))
            task = visit.wait_for("task", "started")
            with pytest.raises(IncompleteResponseError, match="held"):
                connection.read_response()
        task.release()
        site.stop()
    finally:
        site.kill()


@pytest.mark.parametrize(
    ("is_required", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_a_server_that_is_not_installed(
    start_site: StartSite,
    monkeypatch: pytest.MonkeyPatch,
    is_required: str,
    outcome: type[BaseException],
) -> None:
    """A server that is not installed is skipped, and fails where all servers are required."""
    monkeypatch.setenv("BGTASKS_REQUIRE_SERVICES", is_required)
    missing = replace(SERVERS["waitress"], packages=("a_server_that_is_not_installed",))
    with pytest.raises(outcome, match="a_server_that_is_not_installed is not installed"):
        start_site(Pair(test_hosts.TestBareWsgi.host, missing))
