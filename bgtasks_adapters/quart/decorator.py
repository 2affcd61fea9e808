"""The view decorator: fills in the parameter, and works without ``init_app``, too."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from quart import Response, after_this_request, current_app, has_request_context, request
from quart.wrappers.response import ResponseBody

from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.injection import Call, inject
from bgtasks_adapters.quart.app import is_initialised, scope_at_hand, settings_of
from bgtasks_adapters.quart.context import QuartContext
from bgtasks_adapters.workers import AsyncioLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from quart import Quart

R = TypeVar("R")


def with_background_tasks(func: Callable[..., R]) -> Callable[..., R]:
    """Give a view its parameter annotated ``BackgroundTasks``; the tasks run after the response.

    For views, ``def`` and ``async def``, and for helpers below a view, which get the view's own
    collection. Put it under ``@app.route``. Works without ``init_app``, too, but not on websockets,
    and the server's shutdown then does not wait for tasks.

    Raises ``MissingParameterError`` where no parameter has the annotation and, when it is called
    with no response around it, ``NoActiveResponseError``.
    """
    return inject(func, _Call)


class _Call(Call):
    _own: ResponseScope | None = None

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        scope = scope_at_hand()
        if scope is None and not has_request_context():
            super().__init__(None, is_view=False)
            return
        proxy: Any = current_app
        app: Quart = proxy._get_current_object()
        if scope is None:
            scope = self._own = _own_scope(app)
        else:
            scope.join(QuartContext(app))  # its owner may know nothing of Quart
        is_watched = is_initialised(app)  # then init_app sees to all views
        is_view = has_request_context() and not is_watched and not scope.is_view_running
        super().__init__(scope, is_view=is_view)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        super().__exit__(kind, error, traceback)
        if self._own is not None and isinstance(error, asyncio.CancelledError):
            # The client left, so that Quart makes no response, which would have been the end.
            self._own.loop = AsyncioLoop(asyncio.get_running_loop())
            self._own.end(is_disconnected=True)


def _own_scope(app: Quart) -> ResponseScope:
    """Make the scope of a response in an application without ``init_app``."""
    scope = ResponseScope(settings_of(app, {}), QuartContext(app))
    at_hand: Any = request
    at_hand.scope[SCOPE_KEY] = scope
    after_this_request(partial(_attach, scope))
    return scope


async def _attach(scope: ResponseScope, response: Any) -> Any:
    # Here, and not in the view, which may be on a thread: where Quart makes and sends the response.
    request_task = asyncio.current_task()
    assert request_task is not None
    request_task.add_done_callback(partial(_end, scope))
    scope.loop = AsyncioLoop(request_task.get_loop())
    scope.started(response.status_code)
    if scope.is_inline:
        if not isinstance(response, Response):  # an error page is Werkzeug's own, with bytes
            response = Response(response.get_data(), response.status_code, response.headers)
        response.response = _InlineBody(response.response, scope)
    return response


def _end(scope: ResponseScope, request_task: asyncio.Task[Any]) -> None:
    is_left = request_task.cancelled()
    scope.end(error=None if is_left else request_task.exception(), is_disconnected=is_left)


class _InlineBody(ResponseBody):
    """A body at whose end tasks are waited for: inline ones, and those that a test captures."""

    def __init__(self, body: ResponseBody, scope: ResponseScope) -> None:
        self._body: Any = body
        self._scope = scope

    async def __aenter__(self) -> Any:
        return await self._body.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await self._body.__aexit__(*error)
        if error[1] is None and self._scope.note_end():
            await self._scope.run_awaited()
