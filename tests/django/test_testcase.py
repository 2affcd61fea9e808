"""Tasks in Django's own test classes: inline in a TestCase, as in production in the others."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import (
    LiveServerTestCase,
    RequestFactory,
    TestCase,
    TransactionTestCase,
    override_settings,
)
from django.urls import path

from bgtasks_adapters import BackgroundTasks, add_task, drain
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.models import Note

from .exchange import PATIENCE

threads: list[int] = []
release = threading.Event()
has_saved = threading.Event()


def save(text: str) -> None:
    threads.append(threading.get_ident())
    with transaction.atomic():
        Note.objects.create(text=f"{text}, {Note.objects.count()} before")


async def save_async(text: str) -> None:
    count = await Note.objects.acount()
    threads.append(await sync_to_async(threading.get_ident)())
    await Note.objects.acreate(text=f"{text}, {count} before")


def fail() -> None:
    raise LookupError


def wait() -> None:
    assert release.wait(PATIENCE)
    save("waited")
    has_saved.set()


def saving(request: HttpRequest) -> HttpResponse:
    Note.objects.create(text="view")
    add_task(save, "def")
    add_task(save_async, "async")
    return HttpResponse()


async def saving_async(request: HttpRequest) -> HttpResponse:
    await Note.objects.acreate(text="view")
    add_task(save, "def")
    add_task(save_async, "async")
    return HttpResponse()


@with_background_tasks
def decorated(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    Note.objects.create(text="view")
    tasks.add_task(save, "def")
    tasks.add_task(save_async, "async")
    return HttpResponse()


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[bytes]:
        yield b"first, "
        yield b"second"

    async def async_pieces() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    Note.objects.create(text="view")
    add_task(save, "def")
    add_task(save_async, "async")
    return StreamingHttpResponse(async_pieces() if isinstance(request, ASGIRequest) else pieces())


def failing(request: HttpRequest) -> HttpResponse:
    add_task(fail)
    add_task(save, "behind a failure")
    return HttpResponse()


def waiting(request: HttpRequest) -> HttpResponse:
    add_task(wait)
    return HttpResponse()


urlpatterns = [
    path("def", saving),
    path("async", saving_async),
    path("decorated", decorated),
    path("streaming", streaming),
    path("failing", failing),
    path("waiting", waiting),
]

EXPECTED = ["view", "def, 1 before", "async, 2 before"]


def texts() -> list[str]:
    return list(Note.objects.order_by("pk").values_list("text", flat=True))


class Quiet:
    """Behind each test nothing is left that the test began."""

    def setUp(self) -> None:
        threads.clear()
        release.clear()
        has_saved.clear()


@override_settings(ROOT_URLCONF=__name__)
class InATestCase(Quiet, TestCase):
    """Tasks have run when the client returns; they see the test's rows, and it sees theirs."""

    def setUp(self) -> None:
        super().setUp()
        self.connection = connection.connection

    def tearDown(self) -> None:
        # Its connection is the one that it began with, still within its transaction.
        assert connection.connection is self.connection
        assert connection.in_atomic_block
        super().tearDown()

    def test_client(self) -> None:
        self.client.get("/def")
        assert texts() == EXPECTED

    def test_client_and_an_async_view(self) -> None:
        self.client.get("/async")
        assert texts() == EXPECTED

    def test_client_and_a_decorated_view(self) -> None:
        self.client.get("/decorated")
        assert texts() == EXPECTED

    def test_tasks_run_on_the_tests_own_thread(self) -> None:
        self.client.get("/def")
        assert set(threads) == {threading.get_ident()}

    def test_client_that_streams(self) -> None:
        response = self.client.get("/streaming")
        assert texts() == ["view"]
        assert b"".join(response) == b"first, second"
        assert texts() == EXPECTED

    async def test_async_client(self) -> None:
        for url in ("/def", "/async", "/decorated"):
            with self.subTest(url):
                await Note.objects.all().adelete()
                await self.async_client.get(url)
                assert await sync_to_async(texts)() == EXPECTED

    async def test_async_client_that_streams(self) -> None:
        response = await self.async_client.get("/streaming")
        pieces = [piece async for piece in response]  # type: ignore[attr-defined]
        assert b"".join(pieces) == b"first, second"
        # The end of the stream came on this loop, which has to be free for the tasks.
        assert await asyncio.to_thread(drain, PATIENCE)
        assert await sync_to_async(texts)() == EXPECTED

    def test_a_task_that_fails(self) -> None:
        with self.assertLogs("bgtasks_adapters", "ERROR"):
            self.client.get("/failing")
        assert texts() == ["behind a failure, 0 before"]

    def test_a_request_made_by_hand(self) -> None:
        decorated(RequestFactory().get("/decorated"))
        assert texts() == EXPECTED

    async def test_a_request_made_by_hand_on_a_loop(self) -> None:
        await sync_to_async(decorated)(RequestFactory().get("/decorated"))
        assert await sync_to_async(texts)() == EXPECTED

    def test_two_requests(self) -> None:
        self.client.get("/def")
        self.client.get("/def")
        assert len(texts()) == 6

    def test_rows_of_set_up_test_data(self) -> None:
        Note.objects.create(text="mine")
        self.client.get("/def")
        assert texts()[0] == "mine"
        assert texts()[2] == "def, 2 before"


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[])
class WithTheDecoratorAlone(Quiet, TestCase):
    """A TestCase needs no middleware for a decorated view."""

    def test_client(self) -> None:
        self.client.get("/decorated")
        assert texts() == EXPECTED

    async def test_async_client(self) -> None:
        await self.async_client.get("/decorated")
        assert await sync_to_async(texts)() == EXPECTED


@override_settings(ROOT_URLCONF=__name__)
class InATransactionTestCase(Quiet, TransactionTestCase):
    """Tasks run on workers, behind the response; the test waits with drain()."""

    def test_client(self) -> None:
        for url in ("/def", "/async", "/decorated"):
            with self.subTest(url):
                Note.objects.all().delete()
                self.client.get(url)
                assert drain(PATIENCE)
                assert texts() == EXPECTED
        assert threading.get_ident() not in threads

    async def test_async_client(self) -> None:
        await self.async_client.get("/def")
        assert await asyncio.to_thread(drain, PATIENCE)
        assert await sync_to_async(texts)() == EXPECTED

    def test_a_request_made_by_hand(self) -> None:
        decorated(RequestFactory().get("/decorated"))
        assert drain(PATIENCE)
        assert texts() == EXPECTED

    def test_the_client_does_not_wait(self) -> None:
        self.client.get("/waiting")
        assert texts() == []
        release.set()
        assert drain(PATIENCE)
        assert texts() == ["waited, 0 before"]


@override_settings(ROOT_URLCONF=__name__)
class OnALiveServer(Quiet, LiveServerTestCase):
    """A live server runs tasks as production does."""

    def test_request(self) -> None:
        with urllib.request.urlopen(f"{self.live_server_url}/waiting", timeout=PATIENCE) as reply:
            assert reply.status == 200
        assert texts() == []
        release.set()
        # The client may have the response before the server has closed it: drain() is too early.
        assert has_saved.wait(PATIENCE)
        assert drain(PATIENCE)
        assert texts() == ["waited, 0 before"]
