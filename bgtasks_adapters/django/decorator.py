"""The view decorator: fills in the parameter, and works with nothing else installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from bgtasks_adapters.concurrency import is_on_loop
from bgtasks_adapters.django.answers import note_mark
from bgtasks_adapters.django.scopes import OwnedScope, find_scope
from bgtasks_adapters.exceptions import MissingParameterError
from bgtasks_adapters.injection import Call, inject

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")


def with_background_tasks(func: Callable[..., R]) -> Callable[..., R]:
    """Give a view its parameter annotated ``BackgroundTasks``; the tasks run after the response.

    For ``def`` and ``async def`` views, methods of class-based views (directly or through
    ``method_decorator``), and helpers below a view, which get the view's own collection. The
    parameter may have any name and is hidden from ``inspect.signature``. Of the functions of a
    request that it decorates, the outermost one that takes the request counts as the view: if it
    raises, its tasks do not run, whoever answers for it.

    Put it below what makes a view of a function (``@api_view``, ``@api.get``).

    Raises ``MissingParameterError`` where no parameter has the annotation and, when a helper is
    called with no response around it, ``NoActiveResponseError``.
    """
    if _is_stand_in(func):
        return func
    if _is_made_of_class(func):
        raise MissingParameterError(
            f"with_background_tasks got {func.__name__}, which is a view made of a class already "
            "(by @api_view or as_view()), so its parameter cannot be filled in. Put "
            "with_background_tasks below @api_view, or on the method of the class."
        )
    return inject(func, _Call)


def _is_stand_in(func: Callable[..., Any]) -> bool:
    # Django's method_decorator first decorates an empty function, only to copy its attributes.
    return func.__module__ == "django.utils.decorators" and func.__name__ == "dummy"


def _is_made_of_class(func: Callable[..., Any]) -> bool:
    # Django's as_view() leaves the one attribute, that of REST framework's viewsets the other.
    return any(isinstance(getattr(func, name, None), type) for name in ("view_class", "cls"))


class _Call(Call):
    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        request = _find_request(args, kwargs)
        scope = None if request is None else find_scope(request)
        self._owned: OwnedScope | None = None
        if scope is None and request is not None:
            self._owned = OwnedScope(request)
            scope = self._owned.scope
        super().__init__(scope, is_view=scope is not None and not scope.is_view_running)

    def returned(self, result: Any) -> None:
        if self._view is not None and self._scope is not None:
            note_mark(self._scope, result)
        if self._owned is not None and isinstance(result, HttpResponseBase):
            self._owned.responded(result)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        super().__exit__(kind, error, traceback)
        if self._owned is not None and not self._owned.has_response:
            if error is None and is_on_loop():
                self.afterwards = self._owned.aend
            else:
                self._owned.end()


def _find_request(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HttpRequest | None:
    for value in (*args[:2], kwargs.get("request")):  # the second one: a method's
        if isinstance(value, HttpRequest):
            return value
        wrapped = getattr(value, "_request", None)  # a request of Django REST framework
        if isinstance(wrapped, HttpRequest):
            return wrapped
    return None
