"""Django's handlers, watching each view: what the drop-in entry points are made of."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.core.handlers.base import BaseHandler

from bgtasks_adapters.callables import returns_coroutine
from bgtasks_adapters.django.answers import may_hide_errors, note_mark
from bgtasks_adapters.django.scopes import find_scope
from bgtasks_adapters.views import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from bgtasks_adapters.dispatch import ResponseScope


class WatchingHandler(BaseHandler):
    """Tell the response's scope when its view begins, and how it ends, wherever it runs.

    A view counts as ended behind the transaction that ATOMIC_REQUESTS puts around it.
    """

    def make_view_atomic(self, view: Callable[..., Any]) -> Callable[..., Any]:
        atomic: Callable[..., Any] = super().make_view_atomic(view)

        if _is_async_view(view):

            async def async_watched(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                scope = find_scope(request)
                if scope is None:
                    return await atomic(request, *args, **kwargs)
                with _view(scope, request):
                    response = await atomic(request, *args, **kwargs)
                    note_mark(scope, response)
                    return response

            return async_watched

        def watched(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            scope = find_scope(request)
            if scope is None:
                return atomic(request, *args, **kwargs)
            with _view(scope, request):
                response = atomic(request, *args, **kwargs)
                note_mark(scope, response)
                return response

        return watched

    def process_exception_by_middleware(self, exception: Exception, request: HttpRequest) -> Any:
        # Also what the rendering of a TemplateResponse raised, after the view.
        scope = find_scope(request)
        if scope is not None:
            scope.view_raised(exception)
        return super().process_exception_by_middleware(exception, request)


def _view(scope: ResponseScope, request: HttpRequest) -> View:
    return View(scope, is_outer=True, may_hide_errors=may_hide_errors(request))


def _is_async_view(view: Callable[..., Any]) -> bool:
    try:
        return _is_async(view)
    except TypeError:  # an object that cannot be hashed
        return returns_coroutine(view)


@lru_cache(maxsize=1024)
def _is_async(view: Callable[..., Any]) -> bool:
    # Remembered, because Django asks for every request, and to find out takes its time.
    return returns_coroutine(view)
