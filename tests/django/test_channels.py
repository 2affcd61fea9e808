"""Consumers of Channels below the boundary: HTTP and websockets, sync and async, in this process.

``test_channels_served`` has the same on real servers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import translation

from bgtasks_adapters import (
    InvalidApplicationError,
    NoActiveResponseError,
    add_task,
    drain,
    get_background_tasks,
    task_scope,
)
from bgtasks_adapters.django.asgi import BackgroundTasksMiddleware, get_asgi_application
from tests.django_site.models import Note

from .recorder import PATIENCE, Fate, Recorder

pytest.importorskip("channels")

from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.testing import HttpCommunicator, WebsocketCommunicator

pytestmark = pytest.mark.anyio

ran: list[str] = []
connections_used: list[Any] = []


def note(text: str) -> None:
    ran.append(f"{text} in {translation.get_language()}")


async def anote(text: str) -> None:
    note(text)


def save(text: str) -> None:
    Note.objects.create(text=text)
    connections_used.append(connection._connections[connection._alias])  # type: ignore[attr-defined]


async def asave(text: str) -> None:
    await sync_to_async(save)(text)


class ConsumerError(Exception):
    """What a consumer of this module raises."""


def add(text: str) -> None:
    with translation.override("de"):
        tasks = get_background_tasks()
        tasks.using(name=f"def {text}").add_task(note, f"def {text}")
        tasks.using(name=f"async {text}").add_task(anote, f"async {text}")


def obey(command: str) -> None:
    add(command)
    if command == "raise":
        raise ConsumerError


class Sync(WebsocketConsumer):
    def connect(self) -> None:
        add("connect")
        self.accept()

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        obey(text_data or "")
        self.send(text_data=f"{text_data}, ran {len(ran)}")
        if text_data == "close":
            self.close(4000)

    def disconnect(self, code: int) -> None:
        add("disconnect")
        if code == 4999:
            raise ConsumerError


class SyncJson(JsonWebsocketConsumer):
    def connect(self) -> None:
        add("connect")
        self.accept()

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        obey(content)
        self.send_json(f"{content}, ran {len(ran)}")
        if content == "close":
            self.close(4000)

    def disconnect(self, code: int) -> None:
        add("disconnect")


class Async(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        add("connect")
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        obey(text_data or "")
        await self.send(text_data=f"{text_data}, ran {len(ran)}")
        if text_data == "close":
            await self.close(4000)

    async def disconnect(self, code: int) -> None:
        add("disconnect")


class AsyncJson(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        add("connect")
        await self.accept()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        obey(content)
        await self.send_json(f"{content}, ran {len(ran)}")
        if content == "close":
            await self.close(4000)

    async def disconnect(self, code: int) -> None:
        add("disconnect")


class Rejecting(WebsocketConsumer):
    def connect(self) -> None:
        add("connect")
        self.close()


class ScopesOfSync(WebsocketConsumer):
    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        with transaction.atomic():
            with task_scope():
                add_task(save, text_data or "")
            assert Note.objects.filter(text=text_data).exists(), "it does not wait for the commit"
        with task_scope():
            add("block")
            add_task(asave, text_data or "")
        self.send(text_data=f"ran {len(ran)}")


class ScopesOfAsync(AsyncWebsocketConsumer):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        async with task_scope():
            add("block")
            add_task(save, text_data or "")
            add_task(asave, text_data or "")
        await self.send(text_data=f"ran {len(ran)}")


class Http(AsyncHttpConsumer):
    async def handle(self, body: bytes) -> None:
        command = body.decode()
        obey(command)
        await self.send_response(404 if command == "missing" else 200, b"done")


def django_view(request: HttpRequest) -> HttpResponse:
    add("view")
    return HttpResponse(status=404)


urlpatterns = [path("django/", django_view)]

SOCKETS: dict[str, Any] = {
    "sync/": Sync.as_asgi(),
    "sync-json/": SyncJson.as_asgi(),
    "async/": Async.as_asgi(),
    "async-json/": AsyncJson.as_asgi(),
    "rejecting/": Rejecting.as_asgi(),
    "scopes-of-sync/": ScopesOfSync.as_asgi(),
    "scopes-of-async/": ScopesOfAsync.as_asgi(),
}
KINDS = ["sync", "sync-json", "async", "async-json"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()
    connections_used.clear()


@asynccontextmanager
async def served(recorder: Recorder, **bgtasks: Any) -> AsyncIterator[Any]:
    """Give the application of a project with Channels; behind the block all tasks have ended."""
    settings = {"HANDLE_SIGTERM": False, "OBSERVERS": [recorder], **bgtasks}
    with override_settings(BGTASKS=settings, ROOT_URLCONF=__name__, MIDDLEWARE=[]):
        django: Any = get_asgi_application()
        consumer: Any = Http.as_asgi()
        http = URLRouter([path("consumer/", consumer), path("django/", django)])
        sockets = URLRouter([path(route, consumer) for route, consumer in SOCKETS.items()])
        yield BackgroundTasksMiddleware(ProtocolTypeRouter({"http": http, "websocket": sockets}))
        assert await asyncio.to_thread(drain, PATIENCE)


async def open_socket(app: Any, kind: str) -> Any:
    socket = WebsocketCommunicator(app, f"/{kind}/")
    is_accepted, _ = await socket.connect(PATIENCE)
    assert is_accepted
    return socket


async def say(socket: Any, kind: str, text: str) -> str:
    if kind.endswith("json"):
        await socket.send_json_to(text)
        return str(await socket.receive_json_from(PATIENCE))
    await socket.send_to(text)
    return str(await socket.receive_from(PATIENCE))


def both(*texts: str) -> list[str]:
    return [f"{kind} {text} in de" for text in texts for kind in ("def", "async")]


def kinds(fates: list[Fate]) -> set[str]:
    return {fate.kind for fate in fates}


@pytest.mark.parametrize("kind", KINDS)
async def test_tasks_run_when_the_connection_has_ended(kind: str) -> None:
    """What is added in connect, receive and disconnect runs in order, when the client has left, in
    the language of its line; and nothing before."""
    async with served(Recorder()) as app:
        socket = await open_socket(app, kind)
        assert await say(socket, kind, "one") == "one, ran 0"
        assert await say(socket, kind, "two") == "two, ran 0"
        await socket.disconnect(timeout=PATIENCE)
    assert ran == both("connect", "one", "two", "disconnect")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_closes(kind: str) -> None:
    """The tasks run, too, where the consumer closes the connection."""
    async with served(Recorder()) as app:
        socket = await open_socket(app, kind)
        assert await say(socket, kind, "close") == "close, ran 0"
        assert (await socket.receive_output(PATIENCE))["type"] == "websocket.close"
        # A server tells the application of the end of a connection, whoever made it.
        await socket.disconnect(4000, PATIENCE)
    assert ran == both("connect", "close", "disconnect")


@pytest.mark.parametrize(
    ("when", "kind_of_fate"), [("returned", "skipped"), ("always", "succeeded")]
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_consumer_that_raises(kind: str, when: str, kind_of_fate: str) -> None:
    """A consumer that raised did not return: its tasks are skipped, and run if they always do."""
    recorder = Recorder()
    async with served(recorder, WHEN=when) as app:
        socket = await open_socket(app, kind)
        text = '"raise"' if kind.endswith("json") else "raise"
        await socket.send_to(text)
        with pytest.raises(ConsumerError):
            await socket.wait(PATIENCE)
    assert [fate.kind for fate in recorder.fates] == [kind_of_fate] * 4
    if when == "returned":
        assert {fate.reason for fate in recorder.fates} == {"the view raised ConsumerError"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_that_the_server_cancels(kind: str) -> None:
    """A client that is gone without a word: the server cancels the consumer, and its tasks run."""
    recorder = Recorder()
    async with served(recorder) as app:
        socket = await open_socket(app, kind)
        await say(socket, kind, "one")
        socket.stop()
        await asyncio.to_thread(recorder.wait_for, 4)
    assert ran == both("connect", "one")
    assert {fate.is_disconnected for fate in recorder.fates} == {True}


async def test_a_consumer_that_raises_when_the_client_has_left() -> None:
    """By then the connection has ended as usual, and its tasks run."""
    async with served(Recorder()) as app:
        socket = await open_socket(app, "sync")
        with pytest.raises(ConsumerError):
            await socket.disconnect(4999, PATIENCE)
    assert ran == both("connect", "disconnect")


async def test_a_connection_that_is_rejected() -> None:
    """A consumer that rejects its client has returned."""
    async with served(Recorder()) as app:
        socket = WebsocketCommunicator(app, "/rejecting/")
        assert await socket.connect(PATIENCE) == (False, 1000)
        await socket.disconnect(timeout=PATIENCE)
    assert ran == both("connect")


@pytest.mark.parametrize(
    ("command", "kind"), [("hello", "succeeded"), ("missing", "skipped"), ("raise", "skipped")]
)
async def test_http_consumers(command: str, kind: str) -> None:
    """Nobody sees how a consumer returned, so from a status of 400 on it counts as raised."""
    recorder = Recorder()
    async with served(recorder) as app:
        request: Any = HttpCommunicator(app, "POST", "/consumer/", command.encode())
        if command == "raise":
            await request.send_input({"type": "http.request", "body": request.body})
            with pytest.raises(ConsumerError):
                await request.wait(PATIENCE)
        else:
            assert (await request.get_response(PATIENCE))["body"] == b"done"
            await request.wait(PATIENCE)
    assert [fate.kind for fate in recorder.fates] == [kind] * 2
    assert ran == (both("hello") if kind == "succeeded" else [])


async def test_views_of_django_beside_them() -> None:
    """Of a Django view within the router it is seen exactly that it returned."""
    recorder = Recorder()
    async with served(recorder) as app:
        request: Any = HttpCommunicator(app, "GET", "/django/")
        assert (await request.get_response(PATIENCE))["status"] == 404
        await request.wait(PATIENCE)
    assert ran == both("view")
    assert kinds(recorder.fates) == {"succeeded"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["scopes-of-sync", "scopes-of-async"])
async def test_a_block_for_each_message(kind: str) -> None:
    """Tasks of a ``task_scope()`` run before its block ends, with Django's surroundings and the
    project's observers, and leave no connection open, on whatever thread they ran."""
    recorder = Recorder()
    async with served(recorder) as app:
        socket = await open_socket(app, kind)
        assert await say(socket, kind, "row") == "ran 2"
        assert [fate.kind for fate in recorder.fates] == ["succeeded"] * 4
        assert ran == both("block")
        assert await Note.objects.filter(text="row").acount() == 2
        await socket.disconnect(timeout=PATIENCE)
    assert len(connections_used) == 2
    assert [each.connection for each in connections_used] == [None, None]


async def test_lifespan() -> None:
    """A router knows no lifespan; the boundary around it answers the server."""
    sent: list[str] = []
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(messages)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async with served(Recorder()) as app:
        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_consumer_without_the_boundary() -> None:
    """A consumer that is tested by itself has no response to add to, and is told so."""
    socket = WebsocketCommunicator(Async.as_asgi(), "/")
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(NoActiveResponseError):
        await socket.wait(PATIENCE)


def test_what_is_no_application() -> None:
    """The boundary refuses what cannot be called as an ASGI application."""
    with pytest.raises(InvalidApplicationError):
        BackgroundTasksMiddleware(threading.Lock())  # type: ignore[arg-type]
