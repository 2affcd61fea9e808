"""A request's scope: found where an outer adapter left it, or made, and ended with ``close()``.

Without the boundary, the end of a response is the call of its closers. Django appends the
request's own ``close`` to those of the final response, also of one that a middleware made anew
(304, an error page), so that one instance's ``close`` is the hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import SyncToAsync

from bgtasks_adapters.concurrency import running_asyncio_loop
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.django import testcase
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.context import django_context
from bgtasks_adapters.workers import AsyncioLoop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import MutableMapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


def find_scope(request: HttpRequest) -> ResponseScope | None:
    """Return the scope of this request's response, if an adapter has made it."""
    scope: ResponseScope | None = _carrier(request).get(SCOPE_KEY)
    if scope is not None and django_context not in scope.hosts:
        scope.join(django_context)
    return scope


def _carrier(request: HttpRequest) -> MutableMapping[str, Any]:
    known = request.__dict__
    found: MutableMapping[str, Any] = known.get("environ") or known.get("scope") or request.META
    return found


def _has_response(request: HttpRequest) -> bool:
    """Tell whether anybody will close a request: not one that was made by hand."""
    if not hasattr(request, "environ") and not hasattr(request, "scope"):
        return False  # by Ninja's test client
    # RequestFactory's are like real ones, save that nobody looked for their view.
    return request.resolver_match is not None or not testcase.is_test_run()


def scope_without_response() -> ResponseScope:
    """Return a scope for tasks that are added where no response is being made."""
    return ResponseScope(get_settings(), django_context)


def start_tasks(scope: ResponseScope) -> None:
    """Start the tasks of a scope without a response."""
    scope.view_returned()
    if scope.note_end():
        _dispatch(scope)


async def astart_tasks(scope: ResponseScope) -> None:
    """Start the tasks of a scope without a response, from a loop."""
    scope.view_returned()
    if scope.note_end():
        if testcase.is_test_run():
            await testcase.dispatch_on_loop(scope)
        else:
            scope.dispatch()


def _dispatch(scope: ResponseScope) -> None:
    if testcase.is_test_run():
        testcase.dispatch(scope)
    else:
        scope.dispatch()


class OwnedScope:
    """The scope of a response that has no outer owner; its request's ``close()`` ends it."""

    def __init__(self, request: HttpRequest) -> None:
        self.scope = ResponseScope(get_settings(), django_context)
        # Under WSGI an async view has a loop, too, but one that ends with the view.
        self._is_asgi = hasattr(request, "scope")
        self.has_response = _has_response(request)
        if self._is_asgi:
            self._use_loop(running_asyncio_loop())
        self.scope.runs_if_dropped = not testcase.is_test_run()
        self._close_request = request.close
        _carrier(request)[SCOPE_KEY] = self.scope
        request.close = self._close  # type: ignore[method-assign]

    def responded(self, response: HttpResponseBase) -> None:
        """Note the response, or a later one that takes its place."""
        self.scope.started(response.status_code)

    def end(self, *, is_disconnected: bool = False) -> None:
        """Start the tasks: on workers, or in a TestCase within its own thread and transaction."""
        scope = self.scope
        if self._is_asgi and scope.loop is None:  # a thread of the server's loop is calling
            self._use_loop(getattr(SyncToAsync.threadlocal, "main_event_loop", None))
        if scope.note_end(is_disconnected=is_disconnected):
            _dispatch(scope)

    async def aend(self) -> None:
        """Do the same from a loop, and wait where a test captures tasks, or is a TestCase."""
        await astart_tasks(self.scope)

    def _use_loop(self, loop: AbstractEventLoop | None) -> None:
        if loop is not None:
            self.scope.loop = AsyncioLoop(loop)

    def _close(self) -> None:
        try:
            self._close_request()
        finally:
            self.end()
