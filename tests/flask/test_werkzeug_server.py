"""The key promises on a real server, Werkzeug's own, with a task that waits for the test."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Response, abort, send_file
from werkzeug.serving import make_server

from bgtasks_adapters import BackgroundTasks, add_task
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.site import PATIENCE, Site, wait_for_tasks

BODY = b"abc" * 100_000


class Gate:
    """Where a task waits until the test has the complete response."""

    def __init__(self) -> None:
        self._started = threading.Event()
        self._released = threading.Event()

    def pass_through(self, word: str) -> None:
        """Wait; the task."""
        self._started.set()
        assert self._released.wait(PATIENCE), f"{word} was not released"

    def wait_for_task(self) -> None:
        assert self._started.wait(PATIENCE), "the task did not start"

    def release(self) -> None:
        self._released.set()


@contextmanager
def served(site: Site) -> Iterator[int]:
    """Serve the application on a free port, which is given."""
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["def", "async", "file", "stream"])
def test_the_client_never_waits(any_site: Site, kind: str, tmp_path: Path) -> None:
    """The complete response is with the client while the task still waits."""
    gate = Gate()
    file = tmp_path / "file"
    file.write_bytes(BODY)

    @with_background_tasks
    def view(tasks: BackgroundTasks) -> Response:
        tasks.add_task(gate.pass_through, "task")
        match kind:
            case "file":
                return send_file(file)
            case "stream":
                return Response(iter([BODY[:7], BODY[7:]]))
        return Response(BODY)

    @with_background_tasks
    async def async_view(tasks: BackgroundTasks) -> Response:
        tasks.add_task(gate.pass_through, "task")
        return Response(BODY)

    any_site.app.add_url_rule("/", "view", async_view if kind == "async" else view)
    with served(any_site) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/")
        assert connection.getresponse().read() == BODY
        connection.close()
        gate.wait_for_task()
        assert any_site.events == []
        gate.release()
        wait_for_tasks()
    assert any_site.fates == {"task": "succeeded"}


def test_an_error_page(site: Site) -> None:
    """An error handler's task runs behind the error page, the aborted view's does not."""
    gate = Gate()

    @site.app.errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        add_task(gate.pass_through, "in the handler")
        return "missing", 404

    @site.app.route("/")
    def view() -> str:
        add_task(site.do, "in the view")
        abort(404)

    with served(site) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert (response.status, response.read()) == (404, b"missing")
        connection.close()
        gate.wait_for_task()
        assert site.fates == {"in the view": "skipped"}
        gate.release()
        wait_for_tasks()
    assert site.fates == {"in the view": "skipped", "in the handler": "succeeded"}


def test_a_client_that_leaves(site: Site) -> None:
    """Tasks run, and hear of it, where the client leaves in the middle of a stream."""
    has_left = threading.Event()
    ended = threading.Event()

    @site.app.route("/")
    def view() -> Response:
        def body() -> Iterator[bytes]:
            yield b"begun"
            assert has_left.wait(PATIENCE)
            for _ in range(10_000):  # until the server notices
                yield BODY
            raise AssertionError("the server never noticed")

        add_task(ended.set)
        return Response(body())

    with served(site) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            received = b""
            while b"begun" not in received:
                received += connection.recv(4096)
        has_left.set()
        assert ended.wait(PATIENCE)
        wait_for_tasks()
    outcome = site.events[0].outcome
    assert outcome is not None
    assert (outcome.returned, outcome.disconnected) == (True, True)
