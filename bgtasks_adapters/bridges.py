"""Bridges that serve a WSGI application under ASGI: how a request that came through one is known.

A bridge makes a new environ of the ASGI scope, so that what an adapter left in the scope is not in
the environ. But each bridge keeps the scope of its request, and there the response's owner is
found: in this very request, and never in the context, which a request made inside of another one
shares with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from bgtasks_adapters.dispatch import SCOPE_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from bgtasks_adapters.dispatch import ResponseScope

_NEVER_CLOSE = {
    ("asgiref.wsgi", "WsgiToAsgiInstance"): "asgiref's WsgiToAsgi",
    ("starlette.middleware.wsgi", "WSGIResponder"): "Starlette's WSGIMiddleware",
    ("uvicorn.middleware.wsgi", "WSGIResponder"): "uvicorn's own WSGI interface",
}
"""The class whose method ``start_response`` is, and how users know its bridge.

None of these bridges calls ``close()``, and the instance has the ASGI scope as its ``scope``.
"""

_SCOPE_OF_A2WSGI = "asgi.scope"
"""Where in the environ a2wsgi, which does call ``close()``, puts the ASGI scope."""


class Bridge(NamedTuple):
    """The bridge that a request came through, with the ASGI scope that it had there."""

    scope: Mapping[str, Any]
    name_if_never_closing: str | None = None

    @property
    def owner(self) -> ResponseScope | None:
        """The response's scope, if an ASGI adapter outside the bridge has made it."""
        owner: ResponseScope | None = self.scope.get(SCOPE_KEY)
        return owner

    @property
    def drop_notice(self) -> str | None:
        """What to say of a response that the bridge dropped; see ``abandoned.Response``."""
        if self.name_if_never_closing is None:
            return None
        return (
            f"{self.name_if_never_closing} never calls close() on a response, so background tasks "
            "start when Python drops the response, which may be before the client has it all. "
            "Use a2wsgi.WSGIMiddleware in its place, or put "
            "bgtasks_adapters.asgi.BackgroundTasksMiddleware around it"
        )


def find_bridge(environ: WSGIEnvironment, start_response: StartResponse) -> Bridge | None:
    """Return the bridge that made this environ, if it is a known one.

    Those that never call ``close()`` are known by their ``start_response``, and so are not where a
    WSGI middleware further out has put a function of its own in its place.
    """
    scope: Mapping[str, Any] | None = environ.get(_SCOPE_OF_A2WSGI)
    if scope is not None:
        return Bridge(scope)
    responder: Any = getattr(start_response, "__self__", None)
    if responder is None:
        return None
    name = _name_if_never_closing(cast("Any", type(responder)))
    return None if name is None else Bridge(responder.scope, name)


@lru_cache(maxsize=64)
def _name_if_never_closing(kind: Any) -> str | None:
    return _NEVER_CLOSE.get((kind.__module__, kind.__qualname__))
