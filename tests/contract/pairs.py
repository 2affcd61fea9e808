"""Which of our hosts is tried on which server: every one that fits with --long, or a short form."""

from __future__ import annotations

from collections.abc import Mapping

from bgtasks_adapters.contract.servers import SERVERS, Interface, Server

SHORT: Mapping[str, tuple[str, ...]] = {
    "bare-wsgi": ("waitress", "eventlet"),
    "bare-asgi": ("hypercorn-trio",),
    "starlette": ("uvicorn", "granian-asgi", "gunicorn-asgi"),
    "fastapi": ("gunicorn-uvicorn-worker",),
    "flask": ("gunicorn-gthread", "werkzeug"),
    "django-wsgi": ("gunicorn-sync", "gunicorn-gevent"),
    "django-wsgi-middleware": ("runserver",),
    "django-asgi": ("daphne",),
    "django-asgi-middleware": ("hypercorn-asyncio",),
    "falcon-wsgi": ("gunicorn-gthread",),
    "pyramid": ("waitress",),
    "bottle": ("gunicorn-sync",),
    "falcon-asgi": ("hypercorn-asyncio",),
    "litestar": ("uvicorn",),
    "blacksheep": ("granian-asgi",),
    "sanic": ("uvicorn",),
    "connexion": ("gunicorn-asgi",),
}
"""Each kind of server and, save Django's decorator alone, each host, at least once."""


class Form:
    """The form of the run, which the command line of pytest decides before hosts are collected."""

    is_long = False


def servers_of(host: str, interface: Interface) -> tuple[str, ...]:
    """Return the names of the servers that a host is tried on in this run."""
    if not Form.is_long:
        return SHORT.get(host, ())
    is_django = host.startswith("django")
    return tuple(
        server.name
        for server in SERVERS.values()
        if server.interface == interface and _fits(server, is_django)
    )


def _fits(server: Server, is_django: bool) -> bool:
    if is_django:
        return not server.needs_trio  # Django needs asyncio.
    return not server.needs_django
