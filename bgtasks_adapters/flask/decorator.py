"""The view decorator: fills in the parameter, and works without ``init_app``, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flask import after_this_request, current_app, has_request_context, request

from bgtasks_adapters.bodies import close_after
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.flask.app import is_initialised, settings_of
from bgtasks_adapters.flask.context import FlaskContext
from bgtasks_adapters.injection import Call, inject

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response

R = TypeVar("R")


def with_background_tasks(func: Callable[..., R]) -> Callable[..., R]:
    """Give a view its parameter annotated ``BackgroundTasks``; the tasks run after the response.

    For views, ``def`` and ``async def``, and for helpers below a view, which get the view's own
    collection. Put it under ``@app.route``. Works without ``init_app``, too, save that a client
    that leaves early, or another ``call_on_close`` function that raises, may keep tasks back.

    Raises ``MissingParameterError`` where no parameter has the annotation and, when it is called
    with no response around it, ``NoActiveResponseError``.
    """
    return inject(func, _Call)


class _Call(Call):
    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not has_request_context():
            super().__init__(None, is_view=False)
            return
        proxy: Any = current_app
        app: Flask = proxy._get_current_object()
        scope: ResponseScope | None = request.environ.get(SCOPE_KEY)
        if scope is None:
            scope = _OwnedScope(app).scope
        else:
            scope.join(FlaskContext(app))  # its owner may know nothing of Flask
        is_watched = is_initialised(app)  # then init_app sees to all views
        super().__init__(scope, is_view=not is_watched and not scope.is_view_running)


class _OwnedScope:
    """The scope of a response in an application without ``init_app``."""

    def __init__(self, app: Flask) -> None:
        self.scope = ResponseScope(settings_of(app, {}), FlaskContext(app))
        self._environ = request.environ
        self._environ[SCOPE_KEY] = self.scope
        after_this_request(self._attach)

    def _attach(self, response: Response) -> Response:
        self.scope.started(response.status_code)
        if response.direct_passthrough:  # a file: Werkzeug calls nothing at its end
            body: Any = response.response
            response.response = close_after(body, self._environ, self.scope)
        else:
            response.call_on_close(self.scope.end)
            has_length = not response.is_streamed or "Content-Length" in response.headers
            if self.scope.is_captured and has_length:
                self._end_with_request()
        return response

    def _end_with_request(self) -> None:
        # Flask's test client closes a response only if it is told to, but its request always.
        proxy: Any = request
        current = proxy._get_current_object()
        close_request = current.close

        def close() -> None:
            close_request()
            self.scope.end()

        current.close = close
