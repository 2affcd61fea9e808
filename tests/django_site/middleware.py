"""Middleware that does to responses and errors what middleware of real projects does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from bgtasks_adapters import add_task

from .views import BODY, def_task, meeting

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
Change = Callable[[HttpResponseBase], HttpResponseBase]


def _changing(get_response: Any, change: Change) -> GetResponse:
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            return change(await get_response(request))

        return async_middleware
    return lambda request: change(get_response(request))


@sync_and_async_middleware
def replace(get_response: GetResponse) -> GetResponse:
    """Answer with another response than the view's."""
    return _changing(get_response, lambda response: HttpResponse(BODY, status=202))


@sync_and_async_middleware
def fail(get_response: GetResponse) -> GetResponse:
    """Raise behind a view that has returned."""

    def change(response: HttpResponseBase) -> HttpResponseBase:
        raise LookupError

    return _changing(get_response, change)


@sync_and_async_middleware
def add_behind_view(get_response: GetResponse) -> GetResponse:
    """Add a task to every response, also to that of an error handler."""

    def change(response: HttpResponseBase) -> HttpResponseBase:
        add_task(def_task)
        return response

    return _changing(get_response, change)


@sync_and_async_middleware
def let_view_go_on_when_cancelled(get_response: Any) -> GetResponse:
    """Let the view that waits go on, once the request was cancelled."""
    if not iscoroutinefunction(get_response):
        return _changing(get_response, lambda response: response)

    async def async_middleware(request: HttpRequest) -> HttpResponseBase:
        try:
            return await get_response(request)  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            meeting.go_on.set()
            raise

    return async_middleware


class AnswerExceptions:
    """Turn what a view raises into a response, so that middleware outside never hears of it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            from asgiref.sync import markcoroutinefunction

            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase:
        return HttpResponse(BODY, status=418)
