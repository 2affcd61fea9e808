"""Which of our hosts is tried on which server: every one that fits with --long, or a short form."""

from __future__ import annotations

from collections.abc import Mapping

from bgtasks_adapters.contract.servers import SERVERS, Interface

SHORT: Mapping[str, tuple[str, ...]] = {
    "bare-wsgi": ("waitress", "eventlet"),
    "bare-asgi": ("hypercorn-trio",),
    "starlette": ("uvicorn", "granian-asgi", "gunicorn-asgi"),
    "fastapi": ("gunicorn-uvicorn-worker",),
    "flask": ("gunicorn-gthread", "werkzeug"),
    "quart": ("hypercorn-asyncio",),
    "django-wsgi": ("gunicorn-sync", "gunicorn-gevent"),
    "django-wsgi-middleware": ("runserver",),
    "django-asgi": ("daphne",),
    "django-asgi-middleware": ("hypercorn-asyncio",),
}
"""Each kind of server and, save Django's decorator alone, each host, at least once."""


MISFITS = {("quart", "gunicorn-asgi")}
"""Without this package, too, this server keeps a connection open that it should close, because
Quart returns only when it hears of the disconnect, for which that server waits."""


class Form:
    """The form of the run, which the command line of pytest decides before hosts are collected."""

    is_long = False


def servers_of(host: str, interface: Interface) -> tuple[str, ...]:
    """Return the names of the servers that a host is tried on in this run."""
    if not Form.is_long:
        return SHORT.get(host, ())
    is_django = host.startswith("django")
    needs_asyncio = is_django or host == "quart"
    return tuple(
        server.name
        for server in SERVERS.values()
        if server.interface == interface
        and (is_django or not server.needs_django)
        and not (needs_asyncio and server.needs_trio)
        and (host, server.name) not in MISFITS
    )
