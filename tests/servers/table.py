"""The table of servers: how their users start each, and what they have to set.

A row says what the server itself does and no adapter can change (``own``); everything else that is
not good is a failure of this library.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bgtasks_adapters.doctor.columns import Word

_APPLICATIONS = "tests.servers.programs.applications"
_WSGI = f"{_APPLICATIONS}:wsgi"
_ASGI = f"{_APPLICATIONS}:asgi"

Reload = Literal["HUP", "file"]


@dataclass(frozen=True)
class Row:
    """One server, in one way to run it."""

    name: str
    interface: Literal["WSGI", "ASGI"]
    package: str
    """The distribution whose version the page names, and usually its module."""

    command: tuple[str, ...]
    """In which {port} stands for a free one; what begins with "-m" is Python's."""

    requires: str = ""
    """The module or program without which it cannot run here, if another than the package."""

    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    reload: Reload | None = None
    """How it is told to load the application anew while it runs."""

    recycling: tuple[str, ...] = ()
    """The options that make it end a process after some requests."""

    timeout: tuple[str, ...] = ()
    """The options that make it end a request after some two seconds."""

    own: Mapping[str, Word] = field(default_factory=dict, hash=False)
    """The cells that the server itself makes less than good, by column or "column, kind"."""

    not_run: str = ""
    """Why it is not measured at all."""

    is_http2: bool = False
    """Whether it is measured through HTTP/2, which has no framings and no connection a request."""

    is_optional: bool = False
    """Whether it needs more than a wheel to be installed."""

    def arguments(self, port: int, *options: str) -> list[str]:
        given = [part.replace("{port}", str(port)) for part in (*self.command, *options)]
        if given[0] == "-m":
            return [sys.executable, *given]
        return [_program(given[0]) or given[0], *given[1:]]

    def missing(self) -> str:
        """Say why it cannot run here; empty if it can."""
        if self.not_run:
            return self.not_run
        needed = self.requires or self.package
        if _program(needed) or importlib.util.find_spec(needed) is not None:
            return ""
        return f"{needed} is not installed"


def _program(name: str) -> str | None:
    """Find a program beside this interpreter, where a virtual environment need not be active."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


_SERVE = ("-m", "tests.servers.programs.serve")
_GUNICORN = ("-m", "gunicorn", "--bind=127.0.0.1:{port}", "--no-control-socket")
_UVICORN = ("-m", "uvicorn", "--port={port}", _ASGI)
_HYPERCORN = ("-m", "hypercorn", "--bind=127.0.0.1:{port}", _ASGI)
_DAPHNE = ("-m", "daphne", "--bind=127.0.0.1", "--port={port}", _ASGI)
_RUNSERVER = ("-m", "django", "runserver", "127.0.0.1:{port}")
_DJANGO = {"DJANGO_SETTINGS_MODULE": "tests.servers.programs.django_site"}
_UWSGI = (
    "uwsgi",
    "--master",
    "--hook-master-start=unix_signal:15 gracefully_kill_them_all",
    "--enable-threads",
    "--need-app",
    f"--module={_WSGI}",
)
_GRANIAN = ("-m", "granian", "--port={port}")
_BRIDGED = ("-m", "uvicorn", "--port={port}", "tests.servers.programs.bridged:application")


def _gunicorn(name: str, *options: str, application: str = _WSGI, requires: str = "") -> Row:
    return Row(
        name,
        "WSGI" if application == _WSGI else "ASGI",
        "gunicorn",
        (*_GUNICORN, *options, application),
        requires=requires,
        reload="HUP",
        recycling=("--max-requests=4",),
        timeout=("--timeout=2",),
    )


def _uwsgi(name: str, option: str) -> Row:
    return Row(
        name,
        "WSGI",
        "pyuwsgi",
        (*_UWSGI, option),
        requires="uwsgi",
        reload="HUP",
        recycling=("--max-requests=4",),
        timeout=("--harakiri=2",),
    )


def _uvicorn(name: str, *options: str, requires: str = "", reload: Reload | None = None) -> Row:
    recycling = () if reload == "file" else ("--limit-max-requests=4",)
    command = (*_UVICORN, *options)
    return Row(
        name, "ASGI", "uvicorn", command, requires=requires, reload=reload, recycling=recycling
    )


def _hypercorn(name: str, *options: str, requires: str = "") -> Row:
    command = (*_HYPERCORN, *options)
    recycling = ("--max-requests=4",)
    return Row(name, "ASGI", "hypercorn", command, requires=requires, recycling=recycling)


ROWS: tuple[Row, ...] = (
    _gunicorn("gunicorn sync"),
    _gunicorn("gunicorn gthread", "--threads=4"),
    _gunicorn("gunicorn gevent", "--worker-class=gevent", requires="gevent"),
    Row("waitress", "WSGI", "waitress", ("-m", "waitress", "--listen=127.0.0.1:{port}", _WSGI)),
    Row("Werkzeug", "WSGI", "werkzeug", (*_SERVE, "werkzeug", "{port}")),
    Row("wsgiref", "WSGI", "wsgiref", (*_SERVE, "wsgiref", "{port}")),
    Row(
        "runserver",
        "WSGI",
        "django",
        _RUNSERVER,
        environment=_DJANGO,
        reload="file",
        # The process that gets the signal kills the one that serves by SIGKILL.
        own={"SIGTERM": "lost", "past shutdown_timeout": "lost"},
    ),
    Row(
        "runserver --noreload",
        "WSGI",
        "django",
        (*_RUNSERVER, "--noreload"),
        environment=_DJANGO,
    ),
    Row("cheroot", "WSGI", "cheroot", (*_SERVE, "cheroot", "{port}")),
    _uwsgi("uWSGI http", "--http=127.0.0.1:{port}"),
    _uwsgi("uWSGI http-socket", "--http-socket=127.0.0.1:{port}"),
    Row("gevent.pywsgi", "WSGI", "gevent", (*_SERVE, "gevent.pywsgi", "{port}")),
    Row("eventlet", "WSGI", "eventlet", (*_SERVE, "eventlet", "{port}")),
    Row("granian WSGI", "WSGI", "granian", (*_GRANIAN, "--interface=wsgi", _WSGI), reload="HUP"),
    Row("bjoern", "WSGI", "bjoern", (*_SERVE, "bjoern", "{port}"), is_optional=True),
    Row(
        "mod_wsgi",
        "WSGI",
        "mod_wsgi",
        ("mod_wsgi-express", "start-server", "--port={port}"),
        is_optional=True,
        not_run="needs Apache, whose user must be able to read the Python installation",
    ),
    Row("a2wsgi on uvicorn", "WSGI", "a2wsgi", _BRIDGED),
    _uvicorn("uvicorn h11", "--http=h11", "--loop=asyncio"),
    _uvicorn("uvicorn httptools", "--http=httptools", "--loop=uvloop", requires="uvloop"),
    _uvicorn("uvicorn two workers", "--workers=2", reload="HUP"),
    _uvicorn("uvicorn --reload", "--reload", reload="file"),
    _gunicorn(
        "gunicorn uvicorn-worker",
        "--worker-class=uvicorn_worker.UvicornWorker",
        application=_ASGI,
        requires="uvicorn_worker",
    ),
    _gunicorn(
        "gunicorn asgi",
        "--worker-class=asgi",
        "--asgi-loop=uvloop",
        application=_ASGI,
        requires="uvloop",
    ),
    _hypercorn("hypercorn asyncio", "--worker-class=asyncio"),
    _hypercorn("hypercorn trio", "--worker-class=trio", requires="trio"),
    _hypercorn("hypercorn two workers", "--workers=2"),
    Row("daphne", "ASGI", "daphne", _DAPHNE),
    Row("granian ASGI", "ASGI", "granian", (*_GRANIAN, "--interface=asgi", _ASGI), reload="HUP"),
    Row("hypercorn HTTP/2", "ASGI", "hypercorn", _HYPERCORN, requires="h2", is_http2=True),
    Row(
        "granian HTTP/2",
        "ASGI",
        "granian",
        (*_GRANIAN, "--interface=asgi", "--http=auto", _ASGI),
        is_http2=True,
    ),
)

SHORT = frozenset({"gunicorn gthread", "waitress", "uWSGI http", "uvicorn h11", "granian ASGI"})
"""The rows of the short form: of each way to end, one."""
