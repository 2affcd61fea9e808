"""The table of servers: how each is started, and what it can do; and a server that runs.

What a server "can do" is what was measured of the server itself, not of this package: the
framing it chooses for a body of unknown length, whether it keeps connections alive, and what it
does at SIGTERM.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .client import Connection, FramingName
from .gate import PATIENCE

Interface = Literal["wsgi", "asgi"]
TaskKind = Literal["def", "async"]


@dataclass(frozen=True)
class Server:
    """One server, in one way to run it."""

    name: str
    interface: Interface
    package: str
    arguments: Callable[[str, int], list[str]]
    """Gives what follows `python` for an application ("module:name") and a port."""

    keeps_alive: bool = True
    """Whether it answers a second request on a connection."""

    keeps_alive_behind_streams: bool = True
    """Whether it does so, too, when the length of the first response was unknown."""

    serves_others_meanwhile: bool = True
    """Whether it answers a client while it answers another."""

    stream_framing: FramingName = "chunked"
    """How it ends a body of unknown length under HTTP/1.1."""

    stream_framing_of_http_1_0: FramingName = "close"
    """How it ends such a body under HTTP/1.0."""

    always_calls_close: bool = True
    """Whether it closes the response, whatever a client does."""

    is_killed_by_sigterm: bool = False
    """Whether SIGTERM ends it at once, if nobody else handles that."""

    runs_async_views_side_by_side: bool = True
    """Whether frameworks can run an `async def` view in it while another loop is busy."""

    finishes_at_sigterm: frozenset[TaskKind] = frozenset({"def", "async"})
    """The tasks that it leaves the time to end when it is told to stop."""

    needs_django: bool = False


def _module(module: str, *options: str) -> Callable[[str, int], list[str]]:
    """Run a module with options in which {app} and {port} stand for theirs."""
    return lambda app, port: [
        "-m",
        module,
        *(option.format(app=app, port=port) for option in options),
    ]


_GUNICORN = ("gunicorn", "--bind=127.0.0.1:{port}", "--workers=1", "--no-control-socket")
_HYPERCORN = ("hypercorn", "--bind=127.0.0.1:{port}")

SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            "uvicorn",
            "asgi",
            "uvicorn",
            _module("uvicorn", "--http=h11", "--port={port}", "{app}"),
        ),
        Server(
            "hypercorn-asyncio",
            "asgi",
            "hypercorn",
            _module(*_HYPERCORN, "--worker-class=asyncio", "{app}"),
        ),
        Server(
            "hypercorn-trio",
            "asgi",
            "trio",
            _module(*_HYPERCORN, "--worker-class=trio", "{app}"),
        ),
        Server(
            "daphne",
            "asgi",
            "daphne",
            _module("daphne", "--bind=127.0.0.1", "--port={port}", "{app}"),
            # No lifespan, and its loop ends at SIGTERM: only what runs on threads goes on.
            finishes_at_sigterm=frozenset({"def"}),
        ),
        Server(
            "gunicorn-sync",
            "wsgi",
            "gunicorn",
            _module(*_GUNICORN, "--worker-class=sync", "{app}"),
            serves_others_meanwhile=False,
            keeps_alive=False,
            keeps_alive_behind_streams=False,
        ),
        Server(
            "gunicorn-gthread",
            "wsgi",
            "gunicorn",
            _module(*_GUNICORN, "--worker-class=gthread", "--threads=4", "{app}"),
        ),
        Server(
            "gunicorn-gevent",
            "wsgi",
            "gevent",
            _module(*_GUNICORN, "--worker-class=gevent", "{app}"),
            runs_async_views_side_by_side=False,
        ),
        Server(
            "gevent",
            "wsgi",
            "gevent",
            _module("hosts.gevent_pywsgi", "{app}", "{port}", "patched"),
            is_killed_by_sigterm=True,
            runs_async_views_side_by_side=False,
        ),
        Server(
            "gevent-unpatched",
            "wsgi",
            "gevent",
            _module("hosts.gevent_pywsgi", "{app}", "{port}", "unpatched"),
            serves_others_meanwhile=False,
            is_killed_by_sigterm=True,
        ),
        Server(
            "eventlet",
            "wsgi",
            "eventlet",
            _module("hosts.eventlet_wsgi", "{app}", "{port}", "patched"),
            is_killed_by_sigterm=True,
            runs_async_views_side_by_side=False,
        ),
        Server(
            "eventlet-unpatched",
            "wsgi",
            "eventlet",
            _module("hosts.eventlet_wsgi", "{app}", "{port}", "unpatched"),
            serves_others_meanwhile=False,
            is_killed_by_sigterm=True,
        ),
        Server(
            "waitress",
            "wsgi",
            "waitress",
            _module("waitress", "--listen=127.0.0.1:{port}", "{app}"),
            is_killed_by_sigterm=True,
            keeps_alive_behind_streams=False,
        ),
        Server(
            "werkzeug",
            "wsgi",
            "werkzeug",
            _module("hosts.werkzeug_server", "{app}", "{port}"),
            keeps_alive=False,
            keeps_alive_behind_streams=False,
            # It reads on behind a response; a reset there keeps it from calling close().
            always_calls_close=False,
            is_killed_by_sigterm=True,
            # To clients of HTTP/1.0, too, which do not know it.
            stream_framing_of_http_1_0="chunked",
        ),
        Server(
            "runserver",
            "wsgi",
            "django",
            _module("django", "runserver", "--noreload", "127.0.0.1:{port}"),
            keeps_alive_behind_streams=False,
            stream_framing="close",
            is_killed_by_sigterm=True,
            needs_django=True,
        ),
    )
}


class RunningServer:
    """A server in a process of its own, on a free port of 127.0.0.1."""

    def __init__(
        self, server: Server, application: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.port = _free_port()
        self._log = log
        with log.open("wb") as output:
            # A group of its own, so that the processes that a server starts are found, too.
            self._process = subprocess.Popen(
                [sys.executable, *server.arguments(application, self.port)],
                env={**os.environ, **environment, "PYTHONFAULTHANDLER": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_it_listens()

    @property
    def output(self) -> str:
        """What the server has printed so far."""
        return self._log.read_text(errors="replace")

    def connect(self) -> Connection:
        """Open a connection to the server."""
        return Connection(self.port)

    def send_sigterm(self) -> None:
        """Ask the server to stop, as a supervisor does: its first process gets the signal."""
        self._process.send_signal(signal.SIGTERM)

    def wait_for_exit(self) -> int:
        """Wait until the server has ended by itself and return its exit status."""
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            # With the fault handler on, this one prints where each thread stands.
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(PATIENCE)
            raise AssertionError(f"still running {PATIENCE} s after it was told to stop") from None
        finally:
            self.kill()

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        self.send_sigterm()
        self.wait_for_exit()

    def kill(self) -> None:
        """End at once what is left of the server's processes."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait(PATIENCE)

    def _wait_until_it_listens(self) -> None:
        """Try again and again, with pauses in which the end of the process is awaited."""
        for _ in range(int(PATIENCE / 0.02)):
            if self._is_listening():
                return
            try:
                status = self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"the server ended with status {status}:\n{self.output}")
        self.kill()
        raise AssertionError(f"the server does not listen after {PATIENCE} s:\n{self.output}")

    def _is_listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return False
        return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
