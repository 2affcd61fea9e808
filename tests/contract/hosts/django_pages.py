"""The views of the Django site, and the middleware that answers in the place of one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction

from django.core.handlers.asgi import ASGIRequest
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.urls import path
from django.utils.decorators import sync_and_async_middleware

from bgtasks_adapters import BackgroundTasks
from bgtasks_adapters.contract import Page
from bgtasks_adapters.django import with_background_tasks

from .django_site import INSTALLATION


def def_view(request: HttpRequest, shape: str) -> HttpResponseBase:
    page = Page.parse(request.path, request.META["QUERY_STRING"])
    page.begin()
    return respond(request, page)


async def async_view(request: HttpRequest, shape: str) -> HttpResponseBase:
    page = Page.parse(request.path, request.META["QUERY_STRING"])
    await page.abegin()
    return respond(request, page)


@with_background_tasks
def decorated_def_view(
    request: HttpRequest, shape: str, tasks: BackgroundTasks
) -> HttpResponseBase:
    return def_view(request, shape)


@with_background_tasks
async def decorated_async_view(
    request: HttpRequest, shape: str, tasks: BackgroundTasks
) -> HttpResponseBase:
    return await async_view(request, shape)


def respond(request: HttpRequest, page: Page) -> HttpResponseBase:
    if page.shape == "missing":
        raise Http404(page.visit)
    if page.shape == "file":
        return FileResponse(page.file.open("rb"))
    if page.is_streamed:
        # Under ASGI, Django reads a generator to its end before it sends anything.
        pieces = page.apieces() if isinstance(request, ASGIRequest) else page.pieces()
        return StreamingHttpResponse(pieces)
    return HttpResponse(page.body(), status=page.status, headers=page.headers)


@sync_and_async_middleware
def replace(
    get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]],
) -> Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]:
    def choose(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_replaced = request.path.endswith("/replaced")
        return HttpResponse(b"complete\n", status=202) if is_replaced else response

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        assert isinstance(response, HttpResponseBase)
        return choose(request, response)

    async def async_middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        assert isinstance(response, Awaitable)
        return choose(request, await response)

    return async_middleware if iscoroutinefunction(get_response) else middleware


_is_decorated = INSTALLATION == "decorator"
urlpatterns = [
    path("def/<shape>", decorated_def_view if _is_decorated else def_view),
    path("async/<shape>", decorated_async_view if _is_decorated else async_view),
]
