"""A view, watched by an adapter: its response is told when it begins, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Protocol

    class Response(Protocol):
        """Who is told; see ``dispatch.ResponseScope``."""

        running_views: list[View]

        def view_ended(self, view: View, error: BaseException | None, /) -> None: ...


class View:
    """Surround the call of a view: note how it ends, and start tasks that waited for it.

    ``is_outer``: it is watched from outside, and an adapter further in may see the same view.
    ``may_hide_errors``: it may make a response of what it raises, so that its return tells nothing.
    """

    __slots__ = ("_response", "is_outer", "may_hide_errors")

    def __init__(
        self, response: Response, is_outer: bool = False, may_hide_errors: bool = False
    ) -> None:
        self._response = response
        self.is_outer = is_outer
        self.may_hide_errors = may_hide_errors

    def __enter__(self) -> None:
        self._response.running_views.append(self)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._response.view_ended(self, error)


def watched(
    view: Callable[..., Any], around: Callable[..., AbstractContextManager[object]]
) -> Callable[..., Any]:
    """Return a function to register in a view's place, which calls it within ``around(...)``.

    That is given the view's own arguments. The function is ``async def`` where the view is; a view
    may be a generator, too, which is only made within.
    """
    from functools import wraps
    from inspect import iscoroutinefunction  # slow to import; who has views has it

    if iscoroutinefunction(view):

        @wraps(view)
        async def async_watched(*args: Any, **kwargs: Any) -> Any:
            with around(*args, **kwargs):
                return await view(*args, **kwargs)

        return async_watched

    @wraps(view)
    def sync_watched(*args: Any, **kwargs: Any) -> Any:
        with around(*args, **kwargs):
            return view(*args, **kwargs)

    return sync_watched
