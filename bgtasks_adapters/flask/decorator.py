"""The view decorator: fills in the parameter, and works without ``init_app``, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flask import after_this_request, current_app, has_request_context, request

from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.flask.app import settings_of
from bgtasks_adapters.flask.context import FlaskContext
from bgtasks_adapters.injection import Call, inject
from bgtasks_adapters.wsgi import close_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response

F = TypeVar("F", bound="Callable[..., Any]")


def with_background_tasks(func: F) -> F:
    """Give a view its parameter annotated ``BackgroundTasks``; the tasks run after the response.

    For views, ``def`` and ``async def``, and for helpers below a view, which get the view's own
    collection. Put it under ``@app.route``. Works without ``init_app``, too, save that a client
    that leaves early, or another ``call_on_close`` function that raises, may keep tasks back.

    Raises ``MissingParameterError`` where no parameter has the annotation and, when it is called
    with no response around it, ``NoActiveResponseError``.
    """
    return inject(func, _Call)  # type: ignore[return-value]


class _Call(Call):
    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        scope: ResponseScope | None = None
        is_view = False
        if has_request_context():
            scope = request.environ.get(SCOPE_KEY)
            is_view = scope is None  # those of an application with init_app are watched
            if scope is None:
                scope = _OwnedScope().scope
        super().__init__(scope, is_view=is_view)


class _OwnedScope:
    """The scope of a response in an application without ``init_app``."""

    def __init__(self) -> None:
        proxy: Any = current_app
        app: Flask = proxy._get_current_object()
        self.scope = ResponseScope(settings_of(app, {}), FlaskContext(app))
        self._environ = request.environ
        self._environ[SCOPE_KEY] = self.scope
        self.status: int | None = None
        after_this_request(self._attach)

    def _attach(self, response: Response) -> Response:
        self.status = response.status_code
        if response.direct_passthrough:  # a file: Werkzeug calls nothing at its end
            response.response = close_after(
                response.response,  # type: ignore[arg-type]
                self._environ,
                self,
            )
        else:
            response.call_on_close(self.end)
        return response

    def end(self, *, error: BaseException | None = None, is_disconnected: bool = False) -> None:
        self.scope.end(status=self.status, error=error, is_disconnected=is_disconnected)
