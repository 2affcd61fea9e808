"""Records each request that passes, except those that only look at the timeline."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware

from django_example.timeline.recording import RequestRecord, recorded, timeline

PAGES_WITH_TIMELINE = ("home", "timeline", "timeline-json")

_SyncHandler = Callable[[HttpRequest], HttpResponseBase]
_AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def timeline_middleware(get_response: _SyncHandler | _AsyncHandler) -> _SyncHandler | _AsyncHandler:
    """Record requests under WSGI and ASGI; the response's header names its record."""
    if iscoroutinefunction(get_response):
        get_awaitable = cast(_AsyncHandler, get_response)

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            if _is_look(request):
                return await get_awaitable(request)
            with recorded(request) as record:
                return _answered(record, await get_awaitable(request))

        return async_middleware

    get_plain = cast(_SyncHandler, get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if _is_look(request):
            return get_plain(request)
        with recorded(request) as record:
            return _answered(record, get_plain(request))

    return middleware


def _is_look(request: HttpRequest) -> bool:
    return request.path in {reverse(name) for name in PAGES_WITH_TIMELINE}


def _answered(record: RequestRecord, response: HttpResponseBase) -> HttpResponseBase:
    timeline.answer(record, response.status_code)
    response.headers["X-Timeline-Request"] = str(record.id)
    return response
