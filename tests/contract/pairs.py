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
    "quart": ("hypercorn-asyncio",),
    "django-wsgi": ("gunicorn-sync", "gunicorn-gevent"),
    "django-wsgi-middleware": ("runserver",),
    "django-wsgi-decorator": (),
    "django-asgi": ("daphne",),
    "django-asgi-middleware": ("hypercorn-asyncio",),
    "django-asgi-decorator": (),
    "falcon-wsgi": ("gunicorn-gthread",),
    "pyramid": ("waitress",),
    "bottle": ("gunicorn-sync",),
    "falcon-asgi": ("hypercorn-asyncio",),
    "litestar": ("uvicorn",),
    "blacksheep": ("granian-asgi",),
    "sanic": ("uvicorn",),
    "connexion": ("gunicorn-asgi",),
}
"""All hosts. Each kind of server and, save Django's decorator alone, each host, at least once."""

HELD_ON_TRIO = {
    ("hypercorn-trio", "http-1.0-stream"): (
        "without this package, too, hypercorn does not close the connection on trio"
    )
}
"""A defect of hypercorn's, whatever the framework, where that lets a stream follow HTTP/1.0."""

NEED_ASYNCIO = {"blacksheep", "falcon-asgi", "quart", "sanic"}
"""Hosts under ASGI that are written for asyncio alone, as Django's are."""


MISFITS = {("quart", "gunicorn-asgi")}
"""Without this package, too, this server keeps a connection open that it should close, because
Quart returns only when it hears of the disconnect, for which that server waits."""


class Form:
    """The form of the run, which the command line of pytest decides before hosts are collected."""

    is_long = False


def servers_of(host: str, interface: Interface) -> tuple[str, ...]:
    """Return the names of the servers that a host is tried on in this run."""
    if not Form.is_long:
        return SHORT[host]
    return tuple(
        server.name
        for server in SERVERS.values()
        if server.interface == interface
        and _fits(server, host)
        and (host, server.name) not in MISFITS
    )


def _fits(server: Server, host: str) -> bool:
    is_django = host.startswith("django")
    if server.needs_trio:
        return not is_django and host not in NEED_ASYNCIO
    return is_django or not server.needs_django
