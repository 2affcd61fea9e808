"""A view, watched by an adapter: its response is told when it begins, and how it ends."""

from __future__ import annotations

from typing import Protocol


class Response(Protocol):
    """Who is told; see ``dispatch.ResponseScope``."""

    def view_began(self, view: View, /) -> None: ...

    def view_ended(self, view: View, error: BaseException | None, /) -> None: ...


class View:
    """Surround the call of a view: note how it ends, and start tasks that waited for it.

    ``is_outer``: it is watched from outside, and an adapter further in may see the same view.
    ``may_hide_errors``: it may make a response of what it raises, so that its return tells nothing.
    """

    __slots__ = ("_response", "is_outer", "may_hide_errors")

    def __init__(self, response: Response, is_outer: bool, may_hide_errors: bool) -> None:
        self._response = response
        self.is_outer = is_outer
        self.may_hide_errors = may_hide_errors

    def __enter__(self) -> None:
        self._response.view_began(self)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._response.view_ended(self, error)
