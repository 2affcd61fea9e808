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
    requires: str
    """The module, or the program, without which it cannot run here."""

    command: tuple[str, ...]
    """In which {port} stands for a free one; what begins with "-m" is Python's."""

    advice: str
    """What to set, as the page has it."""

    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    reload: Reload | None = None
    """How it is told to load the application anew while it runs."""

    recycling: tuple[str, ...] = ()
    """The options that make it end a process after some requests."""

    timeout: tuple[str, ...] = ()
    """The options that make it end a request after some two seconds."""

    own: Mapping[str, Word] = field(default_factory=dict, hash=False)
    """The cells that the server itself makes less than good, by column or "column, kind"."""

    is_optional: bool = False
    """Whether it needs more than a wheel to be installed."""

    def arguments(self, port: int, *options: str) -> list[str]:
        given = [part.replace("{port}", str(port)) for part in (*self.command, *options)]
        return [sys.executable, *given] if given[0] == "-m" else given

    def missing(self) -> str:
        """Say why it cannot run here; empty if it can."""
        if shutil.which(self.requires) or _is_module(self.requires):
            return ""
        return f"{self.requires} is not installed"


def _is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


_SERVE = ("-m", "tests.servers.programs.serve")
_GUNICORN = ("-m", "gunicorn", "--bind=127.0.0.1:{port}", "--no-control-socket")
_GUNICORN_ENDS = {
    "reload": "HUP",
    "recycling": ("--max-requests=4",),
    "timeout": ("--timeout=2",),
}
_UVICORN = ("-m", "uvicorn", "--port={port}", _ASGI)
_HYPERCORN = ("-m", "hypercorn", "--bind=127.0.0.1:{port}", _ASGI)
_DJANGO = {"DJANGO_SETTINGS_MODULE": "tests.servers.programs.django_site"}
_UWSGI = ("uwsgi", "--master", "--enable-threads", f"--module={_WSGI}", "--need-app")

ROWS: tuple[Row, ...] = (
    Row("gunicorn, sync", "WSGI", "gunicorn", (*_GUNICORN, _WSGI), "nothing",
        reload="HUP", recycling=("--max-requests=4",), timeout=("--timeout=2",)),
    Row("gunicorn, gthread", "WSGI", "gunicorn", (*_GUNICORN, "--threads=4", _WSGI), "nothing",
        reload="HUP", recycling=("--max-requests=4",), timeout=("--timeout=2",)),
    Row("gunicorn, gevent", "WSGI", "gevent", (*_GUNICORN, "--worker-class=gevent", _WSGI), "nothing",
        reload="HUP", recycling=("--max-requests=4",), timeout=("--timeout=2",)),
    Row("waitress", "WSGI", "waitress", ("-m", "waitress", "--listen=127.0.0.1:{port}", _WSGI), ""),
    Row("Werkzeug's (flask run)", "WSGI", "werkzeug", (*_SERVE, "werkzeug", "{port}"), ""),
    Row("wsgiref", "WSGI", "wsgiref", (*_SERVE, "wsgiref", "{port}"), ""),
    Row("runserver, no autoreload", "WSGI", "django",
        ("-m", "django", "runserver", "--noreload", "127.0.0.1:{port}"), "", environment=_DJANGO),
    Row("runserver", "WSGI", "django", ("-m", "django", "runserver", "127.0.0.1:{port}"), "",
        environment=_DJANGO, reload="file"),
    Row("cheroot", "WSGI", "cheroot", (*_SERVE, "cheroot", "{port}"), ""),
    Row("uWSGI, http", "WSGI", "uwsgi", (*_UWSGI, "--http=127.0.0.1:{port}"), "",
        reload="HUP", recycling=("--max-requests=4",), timeout=("--harakiri=2",)),
    Row("uWSGI, http-socket", "WSGI", "uwsgi", (*_UWSGI, "--http-socket=127.0.0.1:{port}"), "",
        reload="HUP", recycling=("--max-requests=4",), timeout=("--harakiri=2",)),
    Row("gevent.pywsgi", "WSGI", "gevent", (*_SERVE, "gevent.pywsgi", "{port}"), ""),
    Row("eventlet", "WSGI", "eventlet", (*_SERVE, "eventlet", "{port}"), ""),
    Row("granian, WSGI", "WSGI", "granian",
        ("-m", "granian", "--interface=wsgi", "--port={port}", _WSGI), "", reload="HUP"),
    Row("bjoern", "WSGI", "bjoern", (*_SERVE, "bjoern", "{port}"), "", is_optional=True),
    Row("a2wsgi on uvicorn", "WSGI", "a2wsgi",
        ("-m", "uvicorn", "--port={port}", "tests.servers.programs.bridged:application"), ""),
    Row("uvicorn, h11", "ASGI", "uvicorn", (*_UVICORN, "--http=h11"), "",
        recycling=("--limit-max-requests=4",)),
    Row("uvicorn, httptools", "ASGI", "httptools", (*_UVICORN, "--http=httptools"), "",
        recycling=("--limit-max-requests=4",)),
    Row("uvicorn, two workers", "ASGI", "uvicorn", (*_UVICORN, "--workers=2"), "", reload="HUP",
        recycling=("--limit-max-requests=4",)),
    Row("uvicorn, reload", "ASGI", "uvicorn", (*_UVICORN, "--reload"), "", reload="file"),
    Row("gunicorn, uvicorn-worker", "ASGI", "uvicorn_worker",
        (*_GUNICORN, "--worker-class=uvicorn_worker.UvicornWorker", _ASGI), "",
        reload="HUP", recycling=("--max-requests=4",), timeout=("--timeout=2",)),
    Row("gunicorn, asgi", "ASGI", "gunicorn", (*_GUNICORN, "--worker-class=asgi", _ASGI), "",
        reload="HUP", recycling=("--max-requests=4",), timeout=("--timeout=2",)),
    Row("hypercorn, asyncio", "ASGI", "hypercorn", (*_HYPERCORN, "--worker-class=asyncio"), ""),
    Row("hypercorn, trio", "ASGI", "trio", (*_HYPERCORN, "--worker-class=trio"), ""),
    Row("hypercorn, two workers", "ASGI", "hypercorn", (*_HYPERCORN, "--workers=2"), "",
        recycling=("--max-requests=4",)),
    Row("daphne", "ASGI", "daphne",
        ("-m", "daphne", "--bind=127.0.0.1", "--port={port}", _ASGI), ""),
    Row("granian, ASGI", "ASGI", "granian",
        ("-m", "granian", "--interface=asgi", "--port={port}", _ASGI), "", reload="HUP"),
)
