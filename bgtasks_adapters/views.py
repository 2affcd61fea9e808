"""A view, watched by an adapter: its response is told when it begins, and how it ends."""

from __future__ import annotations

from typing import Protocol


class Response(Protocol):
    """Who is told; see ``dispatch.ResponseScope``."""

    def view_began(self) -> None: ...

    def view_ended(self, error: BaseException | None) -> None: ...


class View:
    """Surround the call of a view: note how it ends, and start tasks that waited for it."""

    __slots__ = ("_response",)

    def __init__(self, response: Response) -> None:
        self._response = response

    def __enter__(self) -> None:
        self._response.view_began()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._response.view_ended(error)
