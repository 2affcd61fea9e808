"""``init_app``: the boundary around Quart's ASGI application, and its views watched."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Unpack

from quart import Quart, has_request_context, has_websocket_context, request, websocket

from bgtasks_adapters.asgi import Boundary
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.exceptions import InvalidApplicationError
from bgtasks_adapters.quart.context import QuartContext
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.views import watched

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import AbstractContextManager

    from bgtasks_adapters.exchanges import Receive, Scope, Send
    from bgtasks_adapters.settings import SettingsKeywords

_EXTENSION = "bgtasks_adapters"
_SETTINGS = "bgtasks_adapters.settings"


def init_app(app: Quart, **settings: Unpack[SettingsKeywords]) -> None:
    """Run the tasks of each response of a Quart application once the server has the response.

    ``add_task()`` then works in views, blueprints, error handlers, request hooks and websockets,
    sync and async. Each task has an application context of its own; ``async def`` tasks run on the
    server's loop. The keywords are the fields of ``Settings``; they win over ``BGTASKS_*`` in
    ``app.config``, which is read here. Call it once, before the first request; other ASGI
    middleware may be put around it.
    """
    _check_application(app)
    if is_initialised(app):
        raise RuntimeError(
            f"bgtasks_adapters.quart.init_app was called before on {app.name!r}. Remove one of the "
            'calls; settings go into the one that stays, or into app.config["BGTASKS_..."].'
        )
    boundary: Any = Boundary(_WatchedApp(app), settings_of(app, settings), QuartContext(app))
    app.extensions[_EXTENSION] = boundary
    app.asgi_app = boundary  # type: ignore[method-assign]


def _check_application(app: object) -> None:
    if not isinstance(app, Quart):
        raise InvalidApplicationError(
            f"init_app({app!r}) got something of type {type(app).__name__}. "
            "Pass the Quart application: init_app(app)"
        )


def is_initialised(app: Quart) -> bool:
    """Tell whether ``init_app`` was called for this application."""
    return _EXTENSION in app.extensions


def settings_of(app: Quart, keywords: Mapping[str, Any]) -> Settings:
    """Return the settings of an application, read from keywords and configuration once."""
    known: Settings | None = app.extensions.get(_SETTINGS)
    if known is None:
        known = app.extensions[_SETTINGS] = Settings.from_config(app.config, keywords)
    return known


def scope_at_hand() -> ResponseScope | None:
    """Return the scope of the request, or the websocket, at hand; None where there is none."""
    at_hand: Any = request if has_request_context() else websocket
    is_any = has_request_context() or has_websocket_context()
    return at_hand.scope.get(SCOPE_KEY) if is_any else None


class _WatchedApp:
    """Quart's ASGI application, its views registered anew so that their fate is seen.

    Quart turns what they raise into a response before anybody else can see it. Once, at the first
    request, after the last route was added. The application's error handlers, too: they are the
    first to hear of what no view raised (an unknown URL, a hook that aborts).
    """

    def __init__(self, app: Quart) -> None:
        self._app = app
        self._asgi_app: Any = app.asgi_app
        self._is_watching = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_watching and scope["type"] != "lifespan":
            self._is_watching = True
            self._watch()
        await self._asgi_app(scope, receive, send)

    def _watch(self) -> None:
        app = self._app
        for endpoint, view in list(app.view_functions.items()):
            app.endpoint(endpoint)(watched(view, _around_view))
        for handlers in list(app.error_handler_spec[None].values()):
            for kind, handler in list(handlers.items()):
                app.register_error_handler(kind, watched(handler, _around_handler))


def _around_view(*args: object, **kwargs: object) -> AbstractContextManager[object]:
    scope = scope_at_hand()
    if scope is None:
        return nullcontext()
    return scope.view() if has_request_context() else _websocket_view(scope)


@contextmanager
def _websocket_view(scope: ResponseScope) -> Generator[None]:
    try:
        yield
    except Exception as error:  # no cancellation: with that Quart ends a view whose client left
        if not scope.is_client_gone:
            scope.view_raised(error)
        raise


def _around_handler(error: Exception) -> AbstractContextManager[object]:
    scope = scope_at_hand()
    if scope is not None and not scope.is_fate_known:
        scope.view_raised(getattr(error, "original_exception", None) or error)
    return nullcontext()
