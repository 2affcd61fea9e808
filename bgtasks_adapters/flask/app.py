"""``init_app``: the boundary around Flask's WSGI application, and its views watched."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Unpack

from flask import Flask, request

from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.events import logger
from bgtasks_adapters.exceptions import InvalidApplicationError
from bgtasks_adapters.flask.context import FlaskContext
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.views import View, watched
from bgtasks_adapters.wsgi import Boundary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from bgtasks_adapters.settings import SettingsKeywords

_EXTENSION = "bgtasks_adapters"
_SETTINGS = "bgtasks_adapters.settings"


def init_app(app: Flask, **settings: Unpack[SettingsKeywords]) -> None:
    """Run the tasks of each response of a Flask application once the server has the response.

    ``add_task()`` then works in views, blueprints, error handlers and request hooks, sync and
    async. Each task has an application context of its own. The keywords are the fields of
    ``Settings``; they win over ``BGTASKS_*`` in ``app.config``, which is read here. Call it once,
    before the first request; other WSGI middleware may be put around it.
    """
    _check_application(app)
    if is_initialised(app):
        raise RuntimeError(
            f"bgtasks_adapters.flask.init_app was called before on {app.name!r}. Remove one of the "
            'calls; settings go into the one that stays, or into app.config["BGTASKS_..."].'
        )
    boundary = Boundary(_WatchedApp(app), settings_of(app, settings), FlaskContext(app))
    app.extensions[_EXTENSION] = boundary
    app.wsgi_app = boundary  # type: ignore[method-assign]


def _check_application(app: object) -> None:
    if not isinstance(app, Flask):
        raise InvalidApplicationError(
            f"init_app({app!r}) got something of type {type(app).__name__}. "
            "Pass the Flask application: init_app(app)"
        )


def is_initialised(app: Flask) -> bool:
    """Tell whether ``init_app`` was called for this application."""
    return _EXTENSION in app.extensions


def settings_of(app: Flask, keywords: Mapping[str, Any]) -> Settings:
    """Return the settings of an application, read from keywords and configuration once."""
    known: Settings | None = app.extensions.get(_SETTINGS)
    if known is None:
        known = app.extensions[_SETTINGS] = Settings.from_config(app.config, keywords)
    return known


class _WatchedApp:
    """Flask's WSGI application, its views registered anew so that their fate is seen.

    Flask turns ``abort()`` into a response before anybody else can see it. Once, before the first
    request and after the last route was added.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._wsgi_app: WSGIApplication = app.wsgi_app
        self._lock = threading.Lock()
        self._is_watching = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._is_watching:
            with self._lock:
                if not self._is_watching:
                    self._watch()
                    self._is_watching = True
        return self._wsgi_app(environ, start_response)

    def _watch(self) -> None:
        try:
            for endpoint, view in list(self._app.view_functions.items()):
                self._app.endpoint(endpoint)(watched(view, _view_of_request))
        except AssertionError as error:
            # A request was made before, around this middleware; Flask takes no more views.
            logger.warning("Views cannot be watched; their status tells their fate: %s", error)


def _view_of_request(*args: object, **kwargs: object) -> AbstractContextManager[object]:
    try:
        scope: ResponseScope | None = request.environ.get(SCOPE_KEY)
    except RuntimeError:  # called by hand, where no request is at hand
        scope = None
    return _NOBODY if scope is None else View(scope)


_NOBODY = nullcontext()
