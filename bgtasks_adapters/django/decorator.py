"""The view decorator: fills in the parameter, and works with nothing else installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from bgtasks_adapters.ambient import get_background_tasks, use_tasks
from bgtasks_adapters.django.scopes import OwnedScope, find_scope
from bgtasks_adapters.injection import inject

if TYPE_CHECKING:
    from collections.abc import Callable

    from bgtasks_adapters.dispatch import View
    from bgtasks_adapters.tasks import BackgroundTasks

F = TypeVar("F", bound="Callable[..., Any]")


def with_background_tasks(func: F) -> F:
    """Give a view its parameter annotated ``BackgroundTasks``; the tasks run after the response.

    For ``def`` and ``async def`` views, methods of class-based views (directly or through
    ``method_decorator``), and helpers below a view, which get the view's own collection. The
    parameter may have any name and is hidden from ``inspect.signature``. Of the functions of a
    request that it decorates, the outermost one that takes the request counts as the view.

    Raises ``MissingParameterError`` where no parameter has the annotation and, when a helper is
    called with no response around it, ``NoActiveResponseError``.
    """
    if _is_stand_in(func):
        return func
    return inject(func, _Call)  # type: ignore[return-value]


def _is_stand_in(func: Callable[..., Any]) -> bool:
    # Django's method_decorator first decorates an empty function, only to copy its attributes.
    return func.__module__ == "django.utils.decorators" and func.__name__ == "dummy"


class _Call:
    """One call of a decorated function: of a view, or of a helper below one."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._request = _find_request(args, kwargs)
        self._owned: OwnedScope | None = None
        self._view: View | None = None

    def __enter__(self) -> BackgroundTasks:
        if self._request is None:
            return get_background_tasks()
        scope = find_scope(self._request)
        if scope is None:
            self._owned = OwnedScope(self._request)
            scope = self._owned.scope
        if not scope.is_view_running:
            self._view = scope.view()
            self._view.__enter__()
            self._using = use_tasks(scope.tasks)
            self._using.__enter__()
        return scope.tasks

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._view is not None:
            self._using.__exit__()
            self._view.__exit__(kind, error, traceback)

    def returned(self, result: Any) -> None:
        if self._owned is not None and isinstance(result, HttpResponseBase):
            self._owned.responded(result)


def _find_request(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HttpRequest | None:
    for value in (*args[:2], kwargs.get("request")):  # the second one: a method's
        if isinstance(value, HttpRequest):
            return value
        wrapped = getattr(value, "_request", None)  # a request of Django REST framework
        if isinstance(wrapped, HttpRequest):
            return wrapped
    return None
