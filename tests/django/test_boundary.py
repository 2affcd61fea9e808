"""The drop-in entry points: what they alone give, and how they share a response with the rest."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

from bgtasks_adapters import BackgroundTasks, add_task, drain
from bgtasks_adapters.asgi import BackgroundTasksMiddleware as AsgiMiddleware
from bgtasks_adapters.django import with_background_tasks
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware as WsgiMiddleware

from .exchange import PATIENCE, ask_asgi, ask_asgi_here, ask_wsgi
from .installations import OURS, Interface, installed
from .recorder import Recorder

started = threading.Event()
release = threading.Event()
collections: list[BackgroundTasks] = []


def def_task() -> None:
    """Do nothing."""


def waiting_task() -> None:
    started.set()
    assert release.wait(PATIENCE)


async def waiting_async_task() -> None:
    assert await asyncio.to_thread(release.wait, PATIENCE)


def waiting_view(request: HttpRequest) -> HttpResponse:
    add_task(waiting_task)
    add_task(waiting_async_task)
    return HttpResponse(b"waiting")


@with_background_tasks
def sharing_view(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    collections.append(tasks)
    tasks.add_task(def_task)
    add_task(def_task)
    return HttpResponse()


urlpatterns = [path("waiting", waiting_view), path("sharing", sharing_view)]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def fresh() -> None:
    started.clear()
    release.clear()
    collections.clear()


def test_they_are_djangos_own_applications() -> None:
    """Below the boundary stands Django's handler, of the interface that was asked for."""
    with installed("boundary", "asgi") as asgi, installed("boundary", "wsgi") as wsgi:
        assert isinstance(asgi.app, ASGIHandler)
        assert isinstance(wsgi.app, WSGIHandler)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_all_three_installed_share_one_collection(interface: Interface, recorder: Recorder) -> None:
    """Boundary, middleware and decorator together run each task once."""
    ask: Any = ask_asgi if interface == "asgi" else ask_wsgi
    with installed("boundary", interface, middleware=(OURS,), OBSERVERS=[recorder]) as app:
        ask(app, "/sharing")
        assert drain(PATIENCE)
    assert [fate.kind for fate in recorder.fates] == ["succeeded", "succeeded"]
    assert len(collections[0].tasks) == 2


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_boundary_further_out_owns_the_response(interface: Interface, recorder: Recorder) -> None:
    """Below the neutral boundary Django's own shares its collection, and its settings win."""
    outer = Recorder()
    with installed("boundary", interface, OBSERVERS=[recorder]) as app:
        if interface == "asgi":
            ask_asgi(AsgiMiddleware(app, observers=[outer], handle_sigterm=False), "/sharing")
        else:
            ask_wsgi(WsgiMiddleware(app, observers=[outer], handle_sigterm=False), "/sharing")
        assert drain(PATIENCE)
    assert [fate.kind for fate in outer.fates] == ["succeeded", "succeeded"]
    assert recorder.fates == []


@pytest.mark.parametrize("installation", ["boundary", "middleware"])
def test_the_client_never_waits_under_wsgi(installation: Any, recorder: Recorder) -> None:
    """The server has closed the response while its tasks still run."""
    with installed(installation, "wsgi", OBSERVERS=[recorder]) as app:
        assert ask_wsgi(app, "/waiting").body == b"waiting"
        assert recorder.fates == []
        release.set()
        recorder.wait_for(2)


def test_the_client_never_waits_under_asgi(recorder: Recorder) -> None:
    """With a lifespan, the application returns while its tasks still run."""

    async def serve(app: Any) -> None:
        lifespan = Lifespan(app)
        await lifespan.start()
        assert (await ask_asgi_here(app, "/waiting")).body == b"waiting"
        assert recorder.fates == []
        release.set()
        await lifespan.stop()
        assert [fate.kind for fate in recorder.fates] == ["succeeded", "succeeded"]

    with installed("boundary", "asgi", OBSERVERS=[recorder]) as app:
        asyncio.run(serve(app))


def test_the_shutdown_of_the_server_waits_for_tasks(recorder: Recorder) -> None:
    """The lifespan's shutdown is answered only when the last task has ended."""

    async def serve(app: Any) -> None:
        lifespan = Lifespan(app)
        await lifespan.start()
        await ask_asgi_here(app, "/waiting")
        stopping = asyncio.create_task(lifespan.stop())
        await lifespan.is_stopping.wait()
        assert lifespan.answers == ["lifespan.startup.complete"]
        release.set()
        await stopping
        assert lifespan.answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert len(recorder.fates) == 2

    with installed("boundary", "asgi", OBSERVERS=[recorder]) as app:
        asyncio.run(serve(app))


def test_the_shutdown_has_a_deadline(recorder: Recorder) -> None:
    """What has not ended SHUTDOWN_TIMEOUT seconds after the shutdown began is left over."""

    async def serve(app: Any) -> None:
        lifespan = Lifespan(app)
        await lifespan.start()
        await ask_asgi_here(app, "/waiting")
        await lifespan.stop()

    with installed("boundary", "asgi", OBSERVERS=[recorder], SHUTDOWN_TIMEOUT=0) as app:
        asyncio.run(serve(app))
    kinds = {fate.name: fate.kind for fate in recorder.fates}
    release.set()
    assert kinds == {"waiting_task": "left_over", "waiting_async_task": "left_over"}


def test_without_a_lifespan_the_request_waits_for_its_tasks(recorder: Recorder) -> None:
    """Under a server without lifespan the application returns behind its tasks."""

    async def serve(app: Any) -> None:
        asking = asyncio.create_task(ask_asgi_here(app, "/waiting"))
        assert await asyncio.to_thread(started.wait, PATIENCE)
        assert not asking.done()
        release.set()
        await asking
        assert len(recorder.fates) == 2

    with installed("boundary", "asgi", OBSERVERS=[recorder]) as app:
        asyncio.run(serve(app))


class Lifespan:
    """The server's side of a lifespan."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._to_app: asyncio.Queue[str] = asyncio.Queue()
        self._answered: asyncio.Queue[str] = asyncio.Queue()
        self.answers: list[str] = []
        self.is_stopping = asyncio.Event()

    async def start(self) -> None:
        self._serving = asyncio.create_task(
            self._app({"type": "lifespan", "asgi": {"version": "3.0"}}, self._receive, self._send)
        )
        self._to_app.put_nowait("lifespan.startup")
        assert await self._answered.get() == "lifespan.startup.complete"

    async def stop(self) -> None:
        self._to_app.put_nowait("lifespan.shutdown")
        async with asyncio.timeout(PATIENCE):
            assert await self._answered.get() == "lifespan.shutdown.complete"
            await self._serving

    async def _receive(self) -> dict[str, Any]:
        kind = await self._to_app.get()
        if kind == "lifespan.shutdown":
            self.is_stopping.set()
        return {"type": kind}

    async def _send(self, message: Any) -> None:
        self.answers.append(message["type"])
        self._answered.put_nowait(message["type"])


def test_a_response_that_is_dropped_is_noticed_at_once() -> None:
    """A server that never calls close() does not keep tasks until some garbage collection."""
    recorder = Recorder()
    environ: dict[str, Any] = {"PATH_INFO": "/sharing"}
    setup_testing_defaults(environ)
    with installed("boundary", "wsgi", OBSERVERS=[recorder]) as app:
        gc.collect()
        gc.disable()
        try:
            app(environ, lambda status, headers: lambda data: None)
            assert {fate.kind for fate in recorder.wait_for(2)} == {"succeeded"}
        finally:
            gc.enable()
