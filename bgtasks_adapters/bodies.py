"""The body of a WSGI response: iterated, closed, and with that the response is over (PEP 3333).

While it is iterated, its response's collection is the current one.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.abandoned import abandon
from bgtasks_adapters.tasks import current_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from bgtasks_adapters.dispatch import ResponseScope


def close_after(
    body: Iterable[bytes],
    environ: WSGIEnvironment,
    scope: ResponseScope,
    *,
    is_finished: bool = False,
) -> Iterable[bytes]:
    """Return a body that ends the response behind the application's own ``close()``.

    The body itself, where it can queue nothing any more: a finished list with no task so far. One
    that ``is_finished``, so that no code of the application runs while it is iterated, is returned
    as it is, too, with another ``close``.
    """
    if not scope.tasks and type(body) in (list, tuple):
        scope.end()
        return body
    if scope.drop_notice is not None:
        return _UnclosedBody(body, scope)
    if is_finished and "close" not in vars(body):
        body.close = _Closing(body, scope)  # type: ignore[attr-defined]
        return body
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(body, wrapper):
        closing = _OwnedBody(body, scope)
        try:
            # Kept as it is, so that the server can send the file by its own means.
            body.close = closing.close  # type: ignore[attr-defined]
        except AttributeError:
            return closing  # a server's C type; iterated instead of sent by the kernel
        return body
    return (_SizedBody if hasattr(body, "__len__") else _OwnedBody)(body, scope)


class _Closing:
    """What is put in the place of a finished body's ``close``, to end the response behind it."""

    _is_closed = False

    def __init__(self, body: Any, scope: ResponseScope) -> None:
        self._body = weakref.ref(body)  # not held: it holds this
        self._scope = scope

    def __call__(self) -> None:
        body = self._body()
        self._is_closed = True
        token = current_tasks.set(self._scope)
        try:
            type(body).close(body)  # type: ignore[union-attr]
        finally:
            current_tasks.reset(token)
            self._scope.end()

    def __del__(self) -> None:
        if not self._is_closed:  # see _OwnedBody
            abandon(self._scope)


class Body:
    """Iterate and close the application's body, with its collection the current one."""

    _iterator: Iterator[bytes] | None = None
    _error: BaseException | None = None
    _is_complete = False

    def __init__(self, body: Iterable[bytes], scope: ResponseScope) -> None:
        self._body = body
        # Now, because a file's own is about to be replaced.
        self._close: Callable[[], object] | None = getattr(body, "close", None)
        self._scope = scope

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = current_tasks.set(self._scope)  # use_tasks, without its object
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            return next(self._iterator)
        except StopIteration:
            self._is_complete = True
            raise
        except BaseException as error:
            self._error = error
            raise
        finally:
            current_tasks.reset(token)

    def close(self) -> None:
        if self._close is not None:
            token = current_tasks.set(self._scope)
            try:
                self._close()
            finally:
                current_tasks.reset(token)


class _OwnedBody(Body):
    """A body whose ``close()`` ends the response."""

    _is_closed = False

    def close(self) -> None:
        self._is_closed = True
        try:
            super().close()
        finally:
            self._scope.end(error=self._error, is_disconnected=self._is_left())

    def __del__(self) -> None:
        # PEP 3333 asks the server to call close(). Some do not when the connection is reset.
        if not self._is_closed:
            abandon(self._scope, self._error)

    def _is_left(self) -> bool:
        # Not iterated at all: a HEAD request, or a file that the server sent by itself.
        return self._iterator is not None and not self._is_complete and self._error is None


class _SizedBody(_OwnedBody):
    """A body whose length a server may read, to set Content-Length itself (wsgiref does)."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


class _UnclosedBody(_OwnedBody):
    """A body on a bridge that never calls ``close()``: over when it is dropped, or has raised."""

    def __next__(self) -> bytes:
        try:
            return super().__next__()
        except StopIteration:
            raise
        except BaseException as error:
            # Not dropped before the next garbage collection: the traceback holds it.
            abandon(self._scope, error)
            raise


class CapturedHead:
    """What a response says of its length, where a test captures tasks.

    Flask's test client, and others, close a response only if they are told to. So one of known
    length is read to its end before the client has it, and a stream is over when it is exhausted.
    """

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self._has_length = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        self._has_length = any(name.lower() == "content-length" for name, _ in headers)
        return self._start_response(status, headers, *(() if exc_info is None else (exc_info,)))

    def close_after(
        self, body: Iterable[bytes], environ: WSGIEnvironment, scope: ResponseScope
    ) -> Iterable[bytes]:
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            return close_after(body, environ, scope)  # to a server, which closes it
        captured = _CapturedBody(body, scope)
        return list(captured) if self._has_length or type(body) in (list, tuple) else captured


class _CapturedBody(_OwnedBody):
    """A body that is over when it is exhausted, or has raised, or is closed."""

    def __next__(self) -> bytes:
        try:
            return super().__next__()
        except BaseException as error:
            end = error
        # Behind it, or what tasks raise would be said to have come of the end.
        self.close()
        raise end

    def close(self) -> None:
        if not self._is_closed:
            super().close()
