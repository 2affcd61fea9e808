"""The capture in each of Django's test classes, with its clients, and REST framework's."""

from __future__ import annotations

import threading
import unittest
import urllib.request
from collections.abc import Iterator

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import (
    AsyncRequestFactory,
    Client,
    LiveServerTestCase,
    RequestFactory,
    SimpleTestCase,
    TestCase,
    TransactionTestCase,
    override_settings,
)
from django.urls import path
from rest_framework.test import APIClient

from bgtasks_adapters import (
    BackgroundTasks,
    NoActiveResponseError,
    add_task,
    get_background_tasks,
    task_scope,
)
from bgtasks_adapters.django import with_background_tasks
from bgtasks_adapters.django.asgi import get_asgi_application
from bgtasks_adapters.django.wsgi import get_wsgi_application
from bgtasks_adapters.testing import (
    CapturedTasks,
    CaptureError,
    CapturesBackgroundTasks,
    capture_background_tasks,
)
from tests.django_site.models import Note

from .exchange import PATIENCE

done: list[str] = []
threads: list[int] = []


def work(name: str) -> None:
    threads.append(threading.get_ident())
    done.append(name)


async def work_async(name: str) -> None:
    done.append(name)


def save(text: str) -> None:
    Note.objects.create(text=f"{text}, {Note.objects.count()} before")


async def save_async(text: str) -> None:
    await Note.objects.acreate(text=f"{text}, {await Note.objects.acount()} before")


def fail() -> None:
    raise LookupError("a task's own")


def working(request: HttpRequest) -> HttpResponse:
    add_task(work, "def")
    add_task(work_async, "async")
    return HttpResponse()


async def working_async(request: HttpRequest) -> HttpResponse:
    return working(request)


@with_background_tasks
def decorated(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(work, "def")
    tasks.add_task(work_async, "async")
    return HttpResponse()


@with_background_tasks
async def decorated_async(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    return decorated(request, tasks)


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[bytes]:
        yield b"piece"

    working(request)
    return StreamingHttpResponse(pieces())


def missing(request: HttpRequest) -> HttpResponse:
    add_task(work, "task")
    raise Http404


def failing(request: HttpRequest) -> HttpResponse:
    add_task(fail)
    return HttpResponse()


def saving(request: HttpRequest) -> HttpResponse:
    Note.objects.create(text="view")
    add_task(save, "def")
    add_task(save_async, "async")
    return HttpResponse()


def committing(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        add_task(work, "behind the commit")
        assert done == []
    return HttpResponse()


def rolling_back(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        add_task(work, "never")
        transaction.set_rollback(True)
    return HttpResponse()


def hooking(request: HttpRequest) -> HttpResponse:
    tasks = get_background_tasks()
    transaction.on_commit(lambda: tasks.add_task(work, "hooked"))
    return HttpResponse()


urlpatterns = [
    path(view.__name__, view)
    for view in (
        working,
        working_async,
        decorated,
        decorated_async,
        streaming,
        missing,
        failing,
        saving,
        committing,
        rolling_back,
        hooking,
    )
]

VIEWS = ("working", "working_async", "decorated", "decorated_async")


def texts() -> list[str]:
    return list(Note.objects.order_by("pk").values_list("text", flat=True))


class Forgetful(SimpleTestCase):
    """Each test begins with nothing done."""

    def setUp(self) -> None:
        super().setUp()
        done.clear()
        threads.clear()

    def each(self, names: tuple[str, ...] = VIEWS) -> Iterator[str]:
        for name in names:
            done.clear()
            with self.subTest(name):
                yield f"/{name}"


class Clients(CapturesBackgroundTasks, Forgetful):
    """What holds in all of Django's test classes."""

    def test_client(self) -> None:
        for url in self.each():
            self.client.get(url)
            assert done == ["def", "async"]
        assert set(threads) == {threading.get_ident()}
        self.background_tasks.assert_added(work, "def")

    async def test_async_client(self) -> None:
        for url in self.each():
            await self.async_client.get(url)
            assert done == ["def", "async"]

    def test_rest_frameworks_client(self) -> None:
        for url in self.each():
            APIClient().get(url)
            assert done == ["def", "async"]

    def test_streaming(self) -> None:
        response = self.client.get("/streaming")
        assert done == []
        assert b"".join(response) == b"piece"
        assert done == ["def", "async"]

    def test_missing(self) -> None:
        self.client.get("/missing")
        assert self.background_tasks[0].status == "skipped"
        assert done == []

    def test_expected_failure(self) -> None:
        with self.assertLogs("bgtasks_adapters", "ERROR"):
            self.client.get("/failing")
        error = self.background_tasks.assert_failed(fail, LookupError)
        assert str(error) == "a task's own"

    def test_request_factory(self) -> None:
        decorated(RequestFactory().get("/"))
        assert done == ["def", "async"]

    async def test_async_request_factory(self) -> None:
        await decorated_async(AsyncRequestFactory().get("/"))
        assert done == ["def", "async"]

    def test_request_factory_and_add_task(self) -> None:
        with pytest.raises(NoActiveResponseError):
            working(RequestFactory().get("/"))
        with task_scope():
            working(RequestFactory().get("/"))
        assert done == ["def", "async"]


class Boundaries(CapturesBackgroundTasks, Forgetful):
    """The entry points through httpx; not in a TestCase, whose connection Django closes there."""

    def test_wsgi_boundary(self) -> None:
        transport = httpx.WSGITransport(app=get_wsgi_application())
        with httpx.Client(transport=transport, base_url="http://testserver") as client:
            for url in self.each():
                client.get(url)
                assert done == ["def", "async"]

    async def test_asgi_boundary(self) -> None:
        transport = httpx.ASGITransport(app=get_asgi_application())
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            for url in self.each():
                await client.get(url)
                assert done == ["def", "async"]


@override_settings(ROOT_URLCONF=__name__)
class InASimpleTestCase(Boundaries, Clients):
    """No database is allowed here, and none is asked for."""


class Rows(Clients):
    """What holds where there is a database."""

    def test_rows(self) -> None:
        self.client.get("/saving")
        assert texts() == ["view", "def, 1 before", "async, 2 before"]

    async def test_rows_by_the_async_client(self) -> None:
        await self.async_client.get("/saving")
        assert await sync_to_async(texts)() == ["view", "def, 1 before", "async, 2 before"]

    def test_commit(self) -> None:
        self.client.get("/committing")
        assert done == ["behind the commit"]

    def test_rollback(self) -> None:
        self.client.get("/rolling_back")
        assert self.background_tasks[0].status == "skipped"
        assert self.background_tasks[0].reason == "its transaction was rolled back"


@override_settings(ROOT_URLCONF=__name__)
class InATestCase(Rows, TestCase):
    """Tasks see the test's rows, and leave its connection within its transaction."""

    def setUp(self) -> None:
        super().setUp()
        self.connection = connection.connection

    def tearDown(self) -> None:
        assert connection.connection is self.connection
        assert connection.in_atomic_block
        super().tearDown()

    def test_on_commit_callbacks(self) -> None:
        """A callback of the test's own transaction adds its task when Django calls it."""
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            self.client.get("/hooking")
            assert len(self.background_tasks) == 0
        assert len(callbacks) == 1
        assert done == ["hooked"]
        with self.captureOnCommitCallbacks() as callbacks:
            self.client.get("/hooking")
        assert len(callbacks) == 1
        assert len(self.background_tasks) == 1

    def test_a_commit_within_captured_callbacks(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            self.client.get("/committing")
        assert done == ["behind the commit"]


@override_settings(ROOT_URLCONF=__name__)
class InATransactionTestCase(Boundaries, Rows, TransactionTestCase):
    """The same as in a TestCase: in the test's own thread, not on workers."""

    def test_rows_by_the_wsgi_boundary(self) -> None:
        transport = httpx.WSGITransport(app=get_wsgi_application())
        with httpx.Client(transport=transport, base_url="http://testserver") as client:
            client.get("/saving")
        assert texts() == ["view", "def, 1 before", "async, 2 before"]

    async def test_rows_by_the_asgi_boundary(self) -> None:
        transport = httpx.ASGITransport(app=get_asgi_application())
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            await client.get("/saving")
        assert await sync_to_async(texts)() == ["view", "def, 1 before", "async, 2 before"]


@override_settings(ROOT_URLCONF=__name__)
class WithoutTheMixin(Forgetful, TransactionTestCase):
    """The context manager, in a test of one's own class."""

    def test_an_open_transaction(self) -> None:
        """A capture that ends while a task waits for a commit says so."""
        with transaction.atomic():
            with (
                pytest.raises(CaptureError, match="commit of a transaction that is still open"),
                capture_background_tasks(),
            ):
                self.client.get("/working")
            transaction.set_rollback(True)
        assert done == []


@override_settings(ROOT_URLCONF=__name__)
class OnALiveServer(CapturesBackgroundTasks, Forgetful, LiveServerTestCase):
    """The server has threads of its own: `run()` waits for what they do."""

    def test_requests(self) -> None:
        for url in self.each():
            with urllib.request.urlopen(self.live_server_url + url, timeout=PATIENCE) as reply:
                assert reply.status == 200
            self.background_tasks.assert_added(work, "def")
            self.background_tasks.run()
            assert done == ["def", "async"]


@override_settings(ROOT_URLCONF=__name__)
class Later(CapturesBackgroundTasks, Forgetful, TestCase):
    """Tasks wait for `run()`, which runs them in the test's own transaction."""

    run_background_tasks = "later"

    def test_run(self) -> None:
        for client in (self.client, APIClient()):
            Note.objects.all().delete()
            client.get("/saving")
            assert texts() == ["view"]
            self.background_tasks.run()
            assert texts() == ["view", "def, 1 before", "async, 2 before"]

    async def test_arun(self) -> None:
        await self.async_client.get("/saving")
        assert await sync_to_async(texts)() == ["view"]
        await self.background_tasks.arun()
        assert await sync_to_async(texts)() == ["view", "def, 1 before", "async, 2 before"]

    @capture_background_tasks("never")
    def _nested(self) -> None:
        """Never reached."""

    def test_nested(self) -> None:
        with pytest.raises(CaptureError, match=r"captured already, by .*run='later'"):
            self._nested()


@override_settings(ROOT_URLCONF=__name__)
class Decorated(Forgetful):
    """The decorator, on methods of both kinds."""

    @capture_background_tasks("never")
    def test_def(self, captured: CapturedTasks) -> None:
        self.client.get("/working")
        captured.assert_added(work, "def")
        assert done == []

    @capture_background_tasks()
    async def test_async(self, captured: CapturedTasks) -> None:
        await self.async_client.get("/working")
        captured.assert_added(work_async, name="async")
        assert done == ["def", "async"]

    @capture_background_tasks()
    def test_without_the_parameter(self) -> None:
        self.client.get("/working")
        assert done == ["def", "async"]


def outcome_of(case: type[unittest.TestCase]) -> unittest.TestResult:
    result = unittest.TestResult()
    case().run(result)
    return result


def test_a_forgotten_super() -> None:
    """A `setUp()` that does not call the mixin's is told so."""

    class NoSuper(CapturesBackgroundTasks, unittest.TestCase):
        def setUp(self) -> None:
            """Leave out what the mixin does."""

        def runTest(self) -> None:
            _ = self.background_tasks

    ((_, error),) = outcome_of(NoSuper).errors
    assert "call super().setUp() in its setUp()" in error


@override_settings(ROOT_URLCONF=__name__)
def test_a_task_that_fails_fails_its_test() -> None:
    """An unexpected failure of a task is its test's, with the task's own traceback."""

    class Failing(CapturesBackgroundTasks, unittest.TestCase):
        def runTest(self) -> None:
            Client().get("/failing")

    ((_, error),) = outcome_of(Failing).failures
    assert 'fail()  [failed: LookupError("a task\'s own")]' in error
    assert "raise LookupError" in error


del Boundaries, Clients, Rows  # bases only; their tests are run in each class above
