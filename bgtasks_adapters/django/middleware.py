"""The middleware: a scope for every request, with or without the boundary outside."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIRequest

from bgtasks_adapters.ambient import use_tasks
from bgtasks_adapters.announcement import announcement
from bgtasks_adapters.callables import returns_coroutine
from bgtasks_adapters.django.answers import may_hide_errors, note_mark
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.scopes import OwnedScope, find_scope
from bgtasks_adapters.settings import answers_probes
from bgtasks_adapters.sigterm import handle_sigterm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from bgtasks_adapters.servers import Interface


class BackgroundTasksMiddleware:
    """Run the tasks that views add once their response is closed, which is after it was sent.

    Put it first in ``MIDDLEWARE``. Below it ``add_task()`` works in views, sync and async, and in
    all that they call. Sync and async itself, so it costs no adaptation of either. With
    ``bgtasks_adapters.django.asgi`` or ``.wsgi`` outside, those end the response, and this
    serves Django's test client only.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]],
    ) -> None:
        self.get_response: Callable[[HttpRequest], Any] = get_response
        self._is_async = returns_coroutine(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        if answers_probes():
            from bgtasks_adapters.django.probes import answering_probes

            self.get_response = answering_probes(get_response, is_async=self._is_async)
        handle_sigterm(get_settings())

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if find_scope(request) is not None:
            return self.get_response(request)  # type: ignore[no-any-return]
        if announcement.is_due:
            interface: Interface = "ASGI" if isinstance(request, ASGIRequest) else "WSGI"
            announcement.at_use(get_settings(), interface, has_boundary=False)
        owned = OwnedScope(request)
        if self._is_async:
            return self._respond(request, owned)
        with use_tasks(owned.scope):
            response: HttpResponseBase = self.get_response(request)
        _note(request, owned, response)
        return response

    async def _respond(self, request: HttpRequest, owned: OwnedScope) -> HttpResponseBase:
        try:
            with use_tasks(owned.scope):
                response: HttpResponseBase = await self.get_response(request)
        except asyncio.CancelledError as error:
            # The client left. A def view runs on in the request's thread: behind it, the end.
            await sync_to_async(_end_without_response)(request, owned, error)
            raise
        _note(request, owned, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        scope = find_scope(request)
        if scope is not None:
            scope.view_raised(exception)


def _note(request: HttpRequest, owned: OwnedScope, response: HttpResponseBase) -> None:
    note_mark(owned.scope, response)
    # Without a match a middleware answered, before a view was found.
    if request.resolver_match is not None and not may_hide_errors(request):
        owned.scope.view_returned()
    owned.responded(response)


def _end_without_response(request: HttpRequest, owned: OwnedScope, error: BaseException) -> None:
    match = request.resolver_match
    if not owned.scope.is_fate_known:
        if match is not None and not returns_coroutine(match.func):
            owned.scope.view_returned()  # Django drops what it returned, or raised
        else:
            owned.scope.view_raised(error)
    owned.end(is_disconnected=True)
