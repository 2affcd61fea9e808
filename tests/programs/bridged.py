"""WSGI applications under ASGI, by way of the bridge that BRIDGE names; a uvicorn runs this.

The header `X-Site` picks the application, and `X-Outside` puts our ASGI middleware around the
bridge. Without it nothing of this package is outside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract.served.ending import HeldAsgiEnd
from bgtasks_adapters.contract.served.settings import settings
from tests.contract.hosts import bare_asgi, bare_wsgi, django_wsgi, flask_app

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from starlette.types import ASGIApp, Receive, Scope, Send


def asgiref(site: WSGIApplication) -> ASGIApp:
    from asgiref.wsgi import WsgiToAsgi

    bridge: ASGIApp = WsgiToAsgi(site)  # type: ignore[no-untyped-call]
    return bridge


def starlette(site: WSGIApplication) -> ASGIApp:
    from starlette.middleware.wsgi import WSGIMiddleware

    return WSGIMiddleware(site)


def uvicorn(site: WSGIApplication) -> ASGIApp:
    # What `uvicorn --interface wsgi` takes where a2wsgi is not installed.
    from uvicorn.middleware.wsgi import _WSGIMiddleware

    bridge: Any = _WSGIMiddleware(site)  # type: ignore[arg-type]
    return bridge  # type: ignore[no-any-return]


def a2wsgi(site: WSGIApplication) -> ASGIApp:
    from a2wsgi import WSGIMiddleware

    bridge: Any = WSGIMiddleware(site)  # type: ignore[arg-type]
    return bridge  # type: ignore[no-any-return]


BRIDGES: dict[str, Callable[[WSGIApplication], ASGIApp]] = {
    bridge.__name__: bridge for bridge in (asgiref, starlette, uvicorn, a2wsgi)
}
SITES: dict[str, WSGIApplication] = {
    "bare": bare_wsgi.answer,
    "middleware": bare_wsgi.make_boundary(settings()),
    "flask": flask_app.make_site(settings()),
    "django": django_wsgi.make_site(),
}

_bridge = BRIDGES[os.environ["BRIDGE"]]
_bridged = {name: _bridge(site) for name, site in SITES.items()}


async def route(scope: Scope, receive: Receive, send: Send) -> None:
    name = _header(scope, b"x-site")
    app = bare_asgi.answer if name is None else _bridged[name]
    await app(scope, receive, send)


_outside = HeldAsgiEnd(BackgroundTasksMiddleware(route, **settings()))


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    is_outside = scope["type"] == "lifespan" or _header(scope, b"x-outside") is not None
    await (_outside if is_outside else route)(scope, receive, send)


def _header(scope: Scope, name: bytes) -> str | None:
    found: bytes | None = dict(scope.get("headers", ())).get(name)
    return None if found is None else found.decode()
