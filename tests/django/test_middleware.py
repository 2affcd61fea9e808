"""The middleware: at home in sync and async chains, and a neighbour of the other adapters."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django.core.asgi
import django.core.wsgi
import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from django.test.utils import override_settings
from django.urls import path

from bgtasks_adapters import NoActiveResponseError, add_task, drain, get_background_tasks
from bgtasks_adapters.django import BackgroundTasksMiddleware

from .exchange import PATIENCE, ask_asgi, ask_asgi_here, ask_wsgi
from .installations import OURS, installed
from .recorder import Recorder

threads: dict[str, int] = {}


def def_task() -> None:
    threads["task"] = threading.get_ident()


async def async_view(request: HttpRequest) -> HttpResponse:
    threads["view"] = threading.get_ident()
    add_task(def_task)
    return HttpResponse(b"async")


def def_view(request: HttpRequest) -> HttpResponse:
    threads["view"] = threading.get_ident()
    add_task(def_task)
    return HttpResponse(b"def")


async def bare_view(request: HttpRequest) -> HttpResponse:
    threads["view"] = threading.get_ident()
    return HttpResponse(b"bare")


def threaded_view(request: HttpRequest) -> HttpResponse:
    """Add a task below functions that Django itself runs elsewhere."""

    async def below() -> None:
        add_task(def_task)
        await sync_to_async(add_task)(def_task)
        await sync_to_async(add_task, thread_sensitive=False)(def_task)
        await asyncio.to_thread(add_task, def_task)

    async_to_sync(below)()
    return HttpResponse()


urlpatterns = [
    path("async", async_view),
    path("def", def_view),
    path("bare", bare_view),
    path("threaded", threaded_view),
]

pytestmark = pytest.mark.urls(__name__)

_started: list[object] = []
_is_counting: list[bool] = []


def _note_thread_start(event: str, args: tuple[Any, ...]) -> None:
    if event in ("_thread.start_new_thread", "_thread.start_joinable_thread") and _is_counting[-1]:
        _started.append(args[0])


@contextmanager
def counted_threads() -> Iterator[list[object]]:
    """Give the list of the threads that are started in the block, by the interpreter's audit."""
    if not _is_counting:
        sys.addaudithook(_note_thread_start)
    _started.clear()
    _is_counting.append(True)
    try:
        yield _started
    finally:
        _is_counting.append(False)


@contextmanager
def adaptations() -> Iterator[list[str]]:
    """Give what Django logs, in DEBUG, of the middleware that it had to adapt."""
    messages: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger = logging.getLogger("django.request")
    handler, level = Handler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with override_settings(DEBUG=True, LOGGING_CONFIG=None):  # else it would be set up anew
            yield messages
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def sync_only(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    return middleware


def respond(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


async def respond_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def test_it_is_what_its_chain_is() -> None:
    """Around an async chain it is a coroutine function, around a sync one it is none."""
    assert iscoroutinefunction(BackgroundTasksMiddleware(respond_async))
    assert not iscoroutinefunction(BackgroundTasksMiddleware(respond))


def test_it_starts_no_thread_under_wsgi() -> None:
    """A sync chain is called on the server's thread, without another one being started."""
    request = RequestFactory().get("/")
    with counted_threads() as started:
        response = BackgroundTasksMiddleware(respond)(request)
    assert isinstance(response, HttpResponse)
    assert started == []


@pytest.mark.anyio
async def test_it_starts_no_thread_under_asgi() -> None:
    """An async chain is awaited on the server's loop, without a thread being started."""
    request = AsyncRequestFactory().get("/")
    with counted_threads() as started:
        response = BackgroundTasksMiddleware(respond_async)(request)
        assert not isinstance(response, HttpResponse)
        await response  # type: ignore[misc]
    assert started == []


@pytest.mark.anyio
async def test_a_whole_async_request_needs_no_more_threads_with_it() -> None:
    """With the middleware, Django starts as many threads for an async view as without."""

    async def count(*middleware: str) -> int:
        with override_settings(MIDDLEWARE=list(middleware)):
            app = django.core.asgi.get_asgi_application()
        await ask_asgi_here(app, "/bare")  # so that what starts only once has started
        with counted_threads() as started:
            assert (await ask_asgi_here(app, "/bare")).body == b"bare"
        return len(started)

    assert await count(OURS) == await count()
    assert threads["view"] == threading.get_ident()


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_django_adapts_nothing(interface: str) -> None:
    """Django has no reason to adapt the middleware, neither under ASGI nor under WSGI."""
    module: Any = django.core.asgi if interface == "asgi" else django.core.wsgi
    with override_settings(MIDDLEWARE=[OURS]), adaptations() as messages:
        getattr(module, f"get_{interface}_application")()
    assert [message for message in messages if "BackgroundTasksMiddleware" in message] == []


def test_django_would_say_that_it_adapts() -> None:
    """What the test above reads is written for a middleware that is sync only."""
    with (
        override_settings(MIDDLEWARE=[f"{__name__}.sync_only"]),
        adaptations() as messages,
    ):
        django.core.asgi.get_asgi_application()
    assert any("sync_only" in message for message in messages)


def test_a_task_runs_on_a_thread_of_its_own() -> None:
    """A def task runs neither on the thread of its view nor on that of the server."""
    with installed("middleware", "wsgi") as app:
        ask_wsgi(app, "/def")
        assert drain(PATIENCE)
    assert threads["view"] == threading.get_ident() != threads["task"]


def test_add_task_works_on_all_threads_below_a_view(recorder: Recorder) -> None:
    """add_task() finds the response on threads and loops that Django starts for a view."""
    for interface, ask in (("wsgi", ask_wsgi), ("asgi", ask_asgi)):
        with installed("middleware", interface, OBSERVERS=[recorder]) as app:  # type: ignore[arg-type]
            ask(app, "/threaded")
            assert drain(PATIENCE)
    assert [fate.kind for fate in recorder.fates] == ["succeeded"] * 8


def test_there_is_no_response_behind_the_middleware() -> None:
    """Once the request is over, the calling code has no collection any more."""
    with installed("middleware", "wsgi") as app:
        ask_wsgi(app, "/def")
    with pytest.raises(NoActiveResponseError):
        get_background_tasks()
    assert drain(PATIENCE)
