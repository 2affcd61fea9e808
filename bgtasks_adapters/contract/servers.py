"""The table of servers: how each is started, and what it can do.

What a server "can do" is what was measured of the server itself, not of this package: the
framing it chooses for a body of unknown length, whether it keeps connections alive, and what it
does at SIGTERM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bgtasks_adapters.doctor.client import FramingName

Interface = Literal["wsgi", "asgi"]


@dataclass(frozen=True)
class Server:
    """One server, in one way to run it."""

    name: str
    interface: Interface
    packages: tuple[str, ...]
    """What has to be installed for it."""

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

    needs_trio: bool = False
    """Whether it runs an application on trio, which most frameworks are not written for."""

    processes: int = 1
    """How many of its processes serve."""

    line_of_a_process: str = ""
    """What each of them prints when it serves, where one that is told before to stop may not."""

    @property
    def missing(self) -> str:
        """The first of its packages that is not installed; empty if none is missing."""
        return first_missing(self.packages)


def first_missing(packages: Iterable[str]) -> str:
    """Return the first of these packages that is not installed; empty if none is missing."""
    return next((name for name in packages if find_spec(name) is None), "")


def _module(module: str, *options: str) -> Callable[[str, int], list[str]]:
    """Run a module with options in which {app} and {port} stand for theirs."""
    return lambda app, port: [
        "-m",
        module,
        *(option.format(app=app, port=port) for option in options),
    ]


def _program(name: str, *options: str) -> Callable[[str, int], list[str]]:
    """Run a file of ``starting``, without its folder on the path."""
    program = str(Path(__file__).parent / "starting" / f"{name}.py")
    return lambda app, port: ["-P", program, app, str(port), *options]


_GUNICORN = ("gunicorn", "--bind=127.0.0.1:{port}", "--workers=1", "--no-control-socket")
_HYPERCORN = ("hypercorn", "--bind=127.0.0.1:{port}")
_GRANIAN = ("granian", "--port={port}", "--http=1")

SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            "uvicorn",
            "asgi",
            ("uvicorn",),
            _module("uvicorn", "--http=h11", "--loop=asyncio", "--port={port}", "{app}"),
        ),
        Server(
            "hypercorn-asyncio",
            "asgi",
            ("hypercorn",),
            _module(*_HYPERCORN, "--worker-class=asyncio", "{app}"),
        ),
        Server(
            "hypercorn-trio",
            "asgi",
            ("hypercorn", "trio"),
            _module(*_HYPERCORN, "--worker-class=trio", "{app}"),
            needs_trio=True,
        ),
        Server(
            "daphne",
            "asgi",
            ("daphne",),
            _module("daphne", "--bind=127.0.0.1", "--port={port}", "{app}"),
        ),
        Server(
            "granian-asgi",
            "asgi",
            ("granian",),
            _module(*_GRANIAN, "--interface=asgi", "{app}"),
        ),
        Server(
            "gunicorn-uvicorn-worker",
            "asgi",
            ("gunicorn", "uvicorn_worker"),
            _module(*_GUNICORN, "--worker-class=uvicorn_worker.UvicornH11Worker", "{app}"),
        ),
        Server(
            "gunicorn-asgi",
            "asgi",
            ("gunicorn", "uvloop"),
            _module(*_GUNICORN, "--worker-class=asgi", "--asgi-loop=uvloop", "{app}"),
        ),
        Server(
            "granian-wsgi",
            "wsgi",
            ("granian",),
            _module(*_GRANIAN, "--interface=wsgi", "--blocking-threads=4", "{app}"),
        ),
        Server(
            "gunicorn-sync",
            "wsgi",
            ("gunicorn",),
            _module(*_GUNICORN, "--worker-class=sync", "{app}"),
            serves_others_meanwhile=False,
            keeps_alive=False,
            keeps_alive_behind_streams=False,
        ),
        Server(
            "gunicorn-gthread",
            "wsgi",
            ("gunicorn",),
            _module(*_GUNICORN, "--worker-class=gthread", "--threads=4", "{app}"),
        ),
        Server(
            "gunicorn-gevent",
            "wsgi",
            ("gunicorn", "gevent"),
            _module(*_GUNICORN, "--worker-class=gevent", "{app}"),
            runs_async_views_side_by_side=False,
        ),
        Server(
            "gevent",
            "wsgi",
            ("gevent",),
            _program("gevent_pywsgi", "patched"),
            is_killed_by_sigterm=True,
            runs_async_views_side_by_side=False,
        ),
        Server(
            "gevent-unpatched",
            "wsgi",
            ("gevent",),
            _program("gevent_pywsgi", "unpatched"),
            serves_others_meanwhile=False,
            is_killed_by_sigterm=True,
        ),
        Server(
            "eventlet",
            "wsgi",
            ("eventlet",),
            _program("eventlet_wsgi", "patched"),
            is_killed_by_sigterm=True,
            runs_async_views_side_by_side=False,
        ),
        Server(
            "eventlet-unpatched",
            "wsgi",
            ("eventlet",),
            _program("eventlet_wsgi", "unpatched"),
            serves_others_meanwhile=False,
            is_killed_by_sigterm=True,
        ),
        Server(
            "waitress",
            "wsgi",
            ("waitress",),
            _module("waitress", "--listen=127.0.0.1:{port}", "{app}"),
            is_killed_by_sigterm=True,
            keeps_alive_behind_streams=False,
        ),
        Server(
            "werkzeug",
            "wsgi",
            ("werkzeug",),
            _program("werkzeug_server"),
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
            ("django",),
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
            ("hypercorn",),
            _module(*_HYPERCORN, "--worker-class=asyncio", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Running on http",
        ),
        Server(
            "hypercorn-trio-2-workers",
            "asgi",
            ("hypercorn", "trio"),
            _module(*_HYPERCORN, "--worker-class=trio", "--workers=2", "{app}"),
            needs_trio=True,
            processes=2,
            line_of_a_process="Running on http",
        ),
        Server(
            "uvicorn-2-workers",
            "asgi",
            ("uvicorn",),
            _module("uvicorn", "--port={port}", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Application startup complete",
        ),
        Server(
            "uvicorn-impatient",
            "asgi",
            ("uvicorn",),
            _module("uvicorn", "--port={port}", "--timeout-graceful-shutdown=1", "{app}"),
        ),
        Server(
            "uvicorn-reload",
            "asgi",
            ("uvicorn",),
            _module("uvicorn", "--port={port}", "--reload", "{app}"),
        ),
        Server(
            "granian-asgi-2-workers",
            "asgi",
            ("granian",),
            _module(*_GRANIAN, "--interface=asgi", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Started worker-",
        ),
        Server(
            "granian-without-lifespan",
            "asgi",
            ("granian",),
            _module(*_GRANIAN, "--interface=asginl", "{app}"),
        ),
        Server(
            "granian-wsgi-2-workers",
            "wsgi",
            ("granian",),
            _module(*_GRANIAN, "--interface=wsgi", "--workers=2", "{app}"),
            processes=2,
            line_of_a_process="Started worker-",
        ),
    )
}
"""Ways to run a server that matter at its end only."""
