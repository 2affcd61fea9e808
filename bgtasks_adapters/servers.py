"""The table of servers: how each is recognised, and which of its configurations lose tasks.

A server is recognised by its modules on the call stack, while it loads the application, begins its
lifespan or makes a request: that a server is imported tells nothing. uWSGI and mod_wsgi call from
C, where there is no stack; each has a module that exists nowhere else. Nothing is imported here,
and a server's objects are only read.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from bgtasks_adapters.settings import Settings

Interface = Literal["WSGI", "ASGI"]
_UwsgiValue = bytes | bool
_GRACEFULLY = "15 gracefully_kill_them_all"


class Sighting(NamedTuple):
    """What can be seen of the server from inside the application."""

    settings: Settings
    interface: Interface
    frames: tuple[tuple[str, FrameType], ...]
    """The call stack, the outermost call first, each with the name of its module."""

    has_lifespan: bool = False
    has_boundary: bool = True
    """Whether one of the boundaries owns the responses, not a framework's middleware."""

    def has_on_stack(self, package: str) -> bool:
        return any(_is_within(module, package) for module, _ in self.frames)

    def find(self, package: str, variable: str, attribute: str) -> Any:
        """Return an attribute of a local variable of the package's outermost call that has it."""
        for module, frame in self.frames:
            if _is_within(module, package):
                found = getattr(frame.f_locals.get(variable), attribute, None)
                if found is not None:
                    return found
        return None

    def is_cut_off_behind(self, seconds: object) -> bool:
        """Tell whether a server that kills after so many seconds does not wait for our end."""
        return isinstance(seconds, (int, float)) and seconds <= self.settings.shutdown_timeout

    @property
    def seconds(self) -> str:
        return f"{self.settings.shutdown_timeout:g} s"


def call_stack() -> tuple[tuple[str, FrameType], ...]:
    """Return the frames of the calls that led to the caller, the outermost first."""
    found: list[tuple[str, FrameType]] = []
    # Not the caller's own, which would hold the result and so, by a cycle, all that others hold.
    frame: FrameType | None = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        found.append((str(frame.f_globals.get("__name__", "")), frame))
        frame = frame.f_back
    return tuple(reversed(found))


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


class Server(NamedTuple):
    """A row of the table: how one server is recognised, and what there is to say of it."""

    name: str
    packages: tuple[str, ...] = ()
    """One of these, or a module below, is on the call stack."""

    inside: tuple[str, str] | None = None
    """A module that exists only inside this server, and what it has there."""

    worker: Callable[[Sighting], str] = lambda sighting: ""
    losses: Callable[[Sighting], Iterator[str]] = lambda sighting: iter(())
    """In which ways this configuration loses tasks, and what to do."""

    has_lifespan: bool = True
    """Whether it runs the lifespan of ASGI applications."""

    is_killed_by_sigterm: bool = False
    """Whether SIGTERM ends it at once, unless ``handle_sigterm`` does."""

    def is_around(self, sighting: Sighting) -> bool:
        if self.inside is not None:
            module, attribute = self.inside
            return hasattr(sys.modules.get(module), attribute)
        return any(sighting.has_on_stack(package) for package in self.packages)


def _says(worker: str) -> Callable[[Sighting], str]:
    return lambda sighting: worker


def _gunicorn_worker(sighting: Sighting) -> str:
    worker = sighting.find("gunicorn", "self", "cfg")
    name = str(getattr(worker, "worker_class_str", "")).rpartition(".")[2]
    return f"worker {name}" if name else ""


def _gunicorn_losses(sighting: Sighting) -> Iterator[str]:
    seconds = getattr(sighting.find("gunicorn", "self", "cfg"), "graceful_timeout", None)
    if sighting.is_cut_off_behind(seconds):
        yield (
            f"it kills its workers {seconds:g} s after SIGTERM, and with them what runs: give "
            f"--graceful-timeout more than the {sighting.seconds} of shutdown_timeout"
        )
    if _gunicorn_worker(sighting) == "worker asgi":
        yield from _async_losses_without_lifespan(sighting)


def _uvicorn_worker(sighting: Sighting) -> str:
    config: Any = sighting.find("uvicorn", "self", "config")
    protocol = getattr(getattr(config, "http_protocol_class", None), "__module__", "")
    workers = getattr(config, "workers", 1)
    words = [
        protocol.rpartition(".")[2].removesuffix("_impl"),
        f"{workers} workers" if workers > 1 else "",
        "reload" if getattr(config, "reload", False) else "",
    ]
    return ", ".join(filter(None, words))


def _uvicorn_losses(sighting: Sighting) -> Iterator[str]:
    module = str(getattr(signal.getsignal(signal.SIGTERM), "__module__", ""))
    if sighting.interface == "WSGI" and _is_within(module, "uvicorn"):
        yield (
            "its worker processes end themselves by SIGTERM, behind the lifespan, of which a WSGI "
            "application gets nothing: run one worker without reload, or take gunicorn"
        )


def _hypercorn_worker(sighting: Sighting) -> str:
    kind = sighting.find("hypercorn", "config", "worker_class")
    workers = sighting.find("hypercorn", "config", "workers") or 1
    words = [f"worker {kind}" if kind else "", f"{workers} workers" if workers > 1 else ""]
    return ", ".join(filter(None, words))


def _hypercorn_losses(sighting: Sighting) -> Iterator[str]:
    seconds = sighting.find("hypercorn", "config", "shutdown_timeout")
    if sighting.has_lifespan and sighting.is_cut_off_behind(seconds):
        yield (
            f"it ends the lifespan's shutdown behind {seconds:g} s: set its shutdown_timeout above "
            f"the {sighting.seconds} of ours"
        )
    if sighting.find("hypercorn", "config", "worker_class") != "trio":
        yield from _async_losses_without_lifespan(sighting)


def _async_losses_without_lifespan(sighting: Sighting) -> Iterator[str]:
    if sighting.interface == "ASGI" and sighting.has_boundary and not sighting.has_lifespan:
        yield (
            "no lifespan comes to this library, so async def tasks are cut off at SIGTERM: put the "
            "boundary outermost, or have what is around it pass on the lifespan"
        )


def _granian_worker(sighting: Sighting) -> str:
    workers = sighting.find("granian", "self", "workers")
    return f"{workers} worker{'s' if workers > 1 else ''}" if isinstance(workers, int) else ""


def _granian_losses(sighting: Sighting) -> Iterator[str]:
    seconds = sighting.find("granian", "self", "workers_kill_timeout")
    if sighting.is_cut_off_behind(seconds):
        yield (
            f"it kills its workers {seconds:g} s after SIGTERM, and with them what runs: give "
            f"--workers-kill-timeout more than the {sighting.seconds} of shutdown_timeout"
        )


def _uwsgi_option(name: str) -> str:
    """Return the value of an option; of one that was given without a value, "true"."""
    given: _UwsgiValue | list[_UwsgiValue] = sys.modules["uwsgi"].opt.get(name, b"")
    values = given if isinstance(given, list) else [given]
    return ";".join(v.decode(errors="replace") if isinstance(v, bytes) else "true" for v in values)


def _has_uwsgi(name: str) -> bool:
    return _uwsgi_option(name).lower() not in ("", "0", "false", "off", "no")


def _uwsgi_worker(sighting: Sighting) -> str:
    uwsgi = sys.modules["uwsgi"]
    return f"{_number(uwsgi.numproc, 'process', 'es')} of {_number(uwsgi.cores, 'thread', 's')}"


def _number(count: int, word: str, plural: str) -> str:
    return f"{count} {word}{plural if count != 1 else ''}"


def _uwsgi_losses(sighting: Sighting) -> Iterator[str]:
    if not getattr(sys.modules["uwsgi"], "has_threads", 1):
        yield "its threads are off, so tasks stand still between requests: give it --enable-threads"
    has_master = _has_uwsgi("master")
    if not (has_master and _GRACEFULLY in _uwsgi_option("hook-master-start")):
        yield (
            "SIGTERM ends its workers without their tasks while they answer a request: give it "
            f'--master and --hook-master-start "unix_signal:{_GRACEFULLY}"'
        )
    if _has_uwsgi("skip-atexit"):
        yield "--skip-atexit ends workers without waiting for tasks: leave it out"
    mercy = _uwsgi_option("worker-reload-mercy")
    if has_master and mercy.isdigit() and sighting.is_cut_off_behind(int(mercy)):
        yield (
            f"at a reload it kills workers behind {mercy} s, and with them what runs: give "
            f"--worker-reload-mercy more than the {sighting.seconds} of shutdown_timeout"
        )


def _bjoern_losses(sighting: Sighting) -> Iterator[str]:
    handler = signal.getsignal(signal.SIGTERM)
    if _is_within(type(handler).__module__, "bgtasks_adapters"):
        yield (
            "an exception from the handler of a signal does not end it, but can crash it: before "
            "the application is loaded, turn SIGTERM into SIGINT, which does end it: "
            "signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))"
        )


def _mod_wsgi_worker(sighting: Sighting) -> str:
    group = sys.modules["mod_wsgi"].process_group
    return f"daemon process group {group}" if group else "embedded mode"


def _reloading(variable: str) -> bool:
    return os.environ.get(variable) == "true"


def _with_reloader(variable: str) -> Callable[[Sighting], str]:
    return lambda sighting: "with its reloader" if _reloading(variable) else ""


def _reloader_losses(variable: str) -> Callable[[Sighting], Iterator[str]]:
    def losses(sighting: Sighting) -> Iterator[str]:
        if _reloading(variable):
            yield "at SIGTERM its reloader kills this process: serve production in another way"

    return losses


SERVERS: tuple[Server, ...] = (
    Server("uWSGI", inside=("uwsgi", "opt"), worker=_uwsgi_worker, losses=_uwsgi_losses),
    Server("mod_wsgi", inside=("mod_wsgi", "process_group"), worker=_mod_wsgi_worker),
    Server("gunicorn", ("gunicorn",), worker=_gunicorn_worker, losses=_gunicorn_losses),
    Server("daphne", ("daphne",), worker=_says("Twisted"), has_lifespan=False),
    Server("hypercorn", ("hypercorn",), worker=_hypercorn_worker, losses=_hypercorn_losses),
    Server("granian", ("granian",), worker=_granian_worker, losses=_granian_losses),
    Server("uvicorn", ("uvicorn",), worker=_uvicorn_worker, losses=_uvicorn_losses),
    Server("waitress", ("waitress",), worker=_says("threads"), is_killed_by_sigterm=True),
    Server("cheroot", ("cheroot",), worker=_says("threads"), is_killed_by_sigterm=True),
    Server(
        "bjoern",
        ("bjoern",),
        worker=_says("one thread"),
        losses=_bjoern_losses,
        is_killed_by_sigterm=True,
    ),
    Server(
        "gevent.pywsgi",
        ("gevent.pywsgi",),
        worker=_says("greenlets"),
        is_killed_by_sigterm=True,
    ),
    Server(
        "eventlet.wsgi", ("eventlet.wsgi",), worker=_says("greenlets"), is_killed_by_sigterm=True
    ),
    Server(
        "Django's runserver",
        ("django.core.management.commands.runserver", "django.core.servers.basehttp"),
        worker=_with_reloader("RUN_MAIN"),
        losses=_reloader_losses("RUN_MAIN"),
        is_killed_by_sigterm=True,
    ),
    Server(
        "Werkzeug's development server",
        ("werkzeug.serving",),
        worker=_with_reloader("WERKZEUG_RUN_MAIN"),
        losses=_reloader_losses("WERKZEUG_RUN_MAIN"),
        is_killed_by_sigterm=True,
    ),
    Server("wsgiref", ("wsgiref",), worker=_says("one thread"), is_killed_by_sigterm=True),
)
"""The first that is found is the one: gunicorn's workers run uvicorn, and others wsgiref."""

UNKNOWN = Server("an unknown server", is_killed_by_sigterm=True)

TESTS = Server(
    "a test",
    ("_pytest", "unittest", "django.test", "werkzeug.test", "starlette.testclient"),
)


def recognise(sighting: Sighting) -> Server | None:
    """Return the server that is seen, or ``TESTS``; None if it is none of the table."""
    for server in (*SERVERS, TESTS):
        if server.is_around(sighting):
            return server
    return None
