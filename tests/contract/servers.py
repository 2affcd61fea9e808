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

from bgtasks_adapters.doctor.client import Address, Connection, FramingName
from tests.ports import free_port

from .gate import PATIENCE

Interface = Literal["wsgi", "asgi"]


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

    needs_django: bool = False

    processes: int = 1
    """How many of its processes serve."""

    line_of_a_process: str = ""
    """What each of them prints when it serves, where one that is told before to stop may not."""


def _module(module: str, *options: str) -> Callable[[str, int], list[str]]:
    """Run a module with options in which {app} and {port} stand for theirs."""
    return lambda app, port: [
        "-m",
        module,
        *(option.format(app=app, port=port) for option in options),
    ]


_GUNICORN = ("gunicorn", "--bind=127.0.0.1:{port}", "--workers=1", "--no-control-socket")
_HYPERCORN = ("hypercorn", "--bind=127.0.0.1:{port}")
_GRANIAN = ("granian", "--port={port}", "--http=1")

SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            "uvicorn",
            "asgi",
            "uvicorn",
            _module("uvicorn", "--http=h11", "--loop=asyncio", "--port={port}", "{app}"),
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
        ),
        Server(
            "granian-asgi",
            "asgi",
            "granian",
            _module(*_GRANIAN, "--interface=asgi", "{app}"),
        ),
        Server(
            "gunicorn-uvicorn-worker",
            "asgi",
            "uvicorn_worker",
            _module(*_GUNICORN, "--worker-class=uvicorn_worker.UvicornH11Worker", "{app}"),
        ),
        Server(
            "gunicorn-asgi",
            "asgi",
            "gunicorn",
            _module(*_GUNICORN, "--worker-class=asgi", "--asgi-loop=uvloop", "{app}"),
        ),
        Server(
            "granian-wsgi",
            "wsgi",
            "granian",
            _module(*_GRANIAN, "--interface=wsgi", "--blocking-threads=4", "{app}"),
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

SERVERS_IN_OTHER_WAYS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            "hypercorn-asyncio-2-workers",
            "asgi",
            "hypercorn",
            _module(*_HYPERCORN, "--worker-class=asyncio", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Running on http",
        ),
        Server(
            "hypercorn-trio-2-workers",
            "asgi",
            "trio",
            _module(*_HYPERCORN, "--worker-class=trio", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Running on http",
        ),
        Server(
            "uvicorn-2-workers",
            "asgi",
            "uvicorn",
            _module("uvicorn", "--port={port}", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Application startup complete",
        ),
        Server(
            "uvicorn-impatient",
            "asgi",
            "uvicorn",
            _module("uvicorn", "--port={port}", "--timeout-graceful-shutdown=1", "{app}"),
        ),
        Server(
            "uvicorn-reload",
            "asgi",
            "uvicorn",
            _module("uvicorn", "--port={port}", "--reload", "{app}"),
        ),
        Server(
            "granian-asgi-2-workers",
            "asgi",
            "granian",
            _module(*_GRANIAN, "--interface=asgi", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Started worker-",
        ),
        Server(
            "granian-without-lifespan",
            "asgi",
            "granian",
            _module(*_GRANIAN, "--interface=asginl", "{app}"),
        ),
        Server(
            "granian-wsgi-2-workers",
            "wsgi",
            "granian",
            _module(*_GRANIAN, "--interface=wsgi", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Started worker-",
        ),
    )
}
"""Ways to run a server that matter at its end only."""


class RunningServer:
    """A server in a process of its own, on a free port of 127.0.0.1."""

    def __init__(
        self, server: Server, application: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.port = free_port()
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
        self._wait_until_it_serves(server)

    @property
    def output(self) -> str:
        """What the server has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    def connect(self) -> Connection:
        """Open a connection to the server."""
        return Connection(self.address)

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

    def _wait_until_it_serves(self, server: Server) -> None:
        """Look again and again, with pauses in which the end of the process is awaited."""
        for _ in range(int(PATIENCE / 0.02)):
            is_complete = self.output.count(server.line_of_a_process) >= server.processes
            if is_complete and self._is_listening():
                return
            try:
                status = self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"the server ended with status {status}:\n{self.output}")
        self.kill()
        raise AssertionError(f"the server does not serve after {PATIENCE} s:\n{self.output}")

    def _is_listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            return False
        return True
