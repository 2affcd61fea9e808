"""Database connections: as few as there are workers, usable for each task, closed in the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from asgiref.sync import sync_to_async
from django.core.signals import request_finished
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from pytest_django import DjangoDbBlocker

from bgtasks_adapters import add_task, drain
from bgtasks_adapters.django.context import django_context
from bgtasks_adapters.workers import Workers

from .database import KINDS, SERVED, Database, ServedDatabase, database_of, served_database
from .exchange import PATIENCE, ask_asgi, ask_asgi_here, ask_wsgi
from .installations import Interface, installed
from .recorder import Recorder

REQUESTS = 20
MAX_WORKERS = 3

databases: list[Database] = []  # the one of the test
entered = threading.Event()
release = threading.Event()


def save() -> None:
    databases[-1].notes.create(text="def")


async def save_async() -> None:
    await databases[-1].notes.acreate(text="async")


def saving(request: HttpRequest) -> HttpResponse:
    for _ in range(2):
        add_task(save)
        add_task(save_async)
    return HttpResponse()


async def saving_async(request: HttpRequest) -> HttpResponse:
    add_task(save)
    add_task(save_async)
    return HttpResponse()


def saving_twice(request: HttpRequest) -> HttpResponse:
    add_task(save)
    add_task(save)
    return HttpResponse()


def saving_async_twice(request: HttpRequest) -> HttpResponse:
    add_task(save_async)
    add_task(save_async)
    return HttpResponse()


def save_atomically() -> None:
    with transaction.atomic(using=databases[-1].alias):
        save()


def saving_atomic(request: HttpRequest) -> HttpResponse:
    add_task(save_atomically)
    add_task(save_atomically)
    return HttpResponse()


current: list[Callable[[HttpRequest], HttpResponse]] = []
"""The view of a test that has one of its own."""


def run_current(request: HttpRequest) -> HttpResponse:
    return current[-1](request)


def _wait() -> None:
    entered.set()
    assert release.wait(PATIENCE)


async def wait_in_orm_thread() -> None:
    await sync_to_async(_wait)()


def waiting(request: HttpRequest) -> HttpResponse:
    add_task(wait_in_orm_thread)
    return HttpResponse()


def save_around_waiting() -> None:
    save()
    _wait()
    save()


async def save_around_waiting_async() -> None:
    await save_async()
    await sync_to_async(_wait)()
    await save_async()


def broken_inside(request: HttpRequest) -> HttpResponse:
    add_task(save_around_waiting)
    add_task(save)
    return HttpResponse()


def broken_inside_async(request: HttpRequest) -> HttpResponse:
    add_task(save_around_waiting_async)
    add_task(save_async)
    return HttpResponse()


def only_async(request: HttpRequest) -> HttpResponse:
    add_task(save_async)
    return HttpResponse()


urlpatterns = [
    path("saving", saving),
    path("saving-async", saving_async),
    path("saving-twice", saving_twice),
    path("saving-async-twice", saving_async_twice),
    path("saving-atomic", saving_atomic),
    path("broken-inside", broken_inside),
    path("broken-inside-async", broken_inside_async),
    path("current", run_current),
    path("waiting", waiting),
    path("only-async", only_async),
]

pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.usefixtures("production"),
]


@contextmanager
def existing(database: Database) -> Iterator[Database]:
    databases.append(database)
    current.clear()
    entered.clear()
    release.clear()
    try:
        with database.existing():
            yield database
    finally:
        release.set()
        databases.pop()


@pytest.fixture(params=KINDS)
def database(
    request: pytest.FixtureRequest,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
) -> Iterator[Database]:
    with (
        django_db_blocker.unblock(),
        existing(database_of(request.param, tmp_path, give_up)) as database,
    ):
        yield database
        assert drain(PATIENCE)


@pytest.fixture(params=SERVED)
def served(
    request: pytest.FixtureRequest,
    django_db_blocker: DjangoDbBlocker,
    give_up: Callable[[str], NoReturn],
) -> Iterator[ServedDatabase]:
    """A database with a server, which may close a connection."""
    with django_db_blocker.unblock():
        database = served_database(request.param, give_up)
        with existing(database):
            yield database
            assert drain(PATIENCE)


@pytest.fixture
def pooled(
    django_db_blocker: DjangoDbBlocker, give_up: Callable[[str], NoReturn]
) -> Iterator[ServedDatabase]:
    """A database through psycopg's pool."""
    with django_db_blocker.unblock():
        database = served_database("pool", give_up)
        with existing(database):
            yield database
            assert drain(PATIENCE)


def keep_connections(database: Database) -> None:
    """Have connections stay open behind the tasks; where there is a pool, it keeps them."""
    database.settings["CONN_MAX_AGE"] = 0 if database.has_pool else None


def ask_many(interface: Interface, app: Any, path: str) -> None:
    async def ask_all() -> None:
        await asyncio.gather(*(ask_asgi_here(app, path) for _ in range(REQUESTS)))
        await asyncio.to_thread(drain, PATIENCE)

    if interface == "asgi":
        asyncio.run(ask_all())
    else:
        for _ in range(REQUESTS):
            ask_wsgi(app, path)
    assert drain(PATIENCE)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("url", ["/saving", "/saving-async"])
def test_there_are_no_more_connections_than_workers(
    database: Database, interface: Interface, url: str
) -> None:
    """Many responses with def and async def tasks share the connections of MAX_WORKERS threads."""
    keep_connections(database)
    with installed("middleware", interface, MAX_WORKERS=MAX_WORKERS) as app:
        ask_many(interface, app, url)
    assert database.notes.count() == REQUESTS * (4 if url == "/saving" else 2)
    assert 1 <= len(set(database.opened)) <= MAX_WORKERS
    if not database.has_pool:
        assert len(database.opened) <= MAX_WORKERS * database.opened_by_a_thread
        if isinstance(database, ServedDatabase):
            assert database.count_at_server() == database.open_connections


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_no_connection_outlives_its_trip_without_a_max_age(
    database: Database, interface: Interface
) -> None:
    """With CONN_MAX_AGE=0, Django's default, nothing is open behind the last task."""
    with installed("middleware", interface, MAX_WORKERS=MAX_WORKERS) as app:
        ask_many(interface, app, "/saving")
    assert len(database.opened) >= REQUESTS
    assert database.open_connections == 0


def test_a_thread_that_idles_closes_its_connection(database: Database) -> None:
    """A worker that has had nothing to do ends, and leaves no connection."""
    keep_connections(database)
    threads: list[threading.Thread] = []
    has_run = threading.Event()
    workers = Workers(1, idle_seconds=0.01)

    def job() -> None:
        threads.append(threading.current_thread())
        with django_context.trip():
            save()
        assert database.open_connections == (0 if database.has_pool else 1)
        has_run.set()

    workers.submit(job)
    assert has_run.wait(PATIENCE)
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
    assert database.open_connections == 0


@pytest.mark.parametrize("has_checks", [False, True])
@pytest.mark.parametrize("url", ["/saving-twice", "/saving-async-twice", "/saving-atomic"])
def test_a_connection_that_the_server_closed_is_replaced(
    served: ServedDatabase, recorder: Recorder, url: str, has_checks: bool
) -> None:
    """No task notices that the server closed the idle connection, whatever CONN_HEALTH_CHECKS."""
    keep_connections(served)
    served.settings["CONN_HEALTH_CHECKS"] = has_checks
    if served.has_pool:
        here: Any = connections[served.alias]
        here.close()
        here.close_pool()  # it was made without that setting
    with installed("middleware", "wsgi", MAX_WORKERS=1, OBSERVERS=[recorder]) as app:
        ask_wsgi(app, url)
        assert drain(PATIENCE)
        before = served.ids_at_server()
        assert before
        served.close_at_server()
        ask_wsgi(app, url)
        assert drain(PATIENCE)
    assert [(fate.kind, fate.error) for fate in recorder.fates] == [("succeeded", None)] * 4
    assert served.count_rows() == 4
    assert served.ids_at_server().isdisjoint(before)


def test_every_connection_of_a_pool_is_replaced(pooled: ServedDatabase, recorder: Recorder) -> None:
    """A restarted server leaves a pool of closed connections, of which no task gets one."""
    together = threading.Barrier(MAX_WORKERS)

    def save_together() -> None:
        save()
        together.wait(PATIENCE)
        save()

    def view(request: HttpRequest) -> HttpResponse:
        add_task(save_together)
        return HttpResponse()

    current.append(view)
    with installed("middleware", "wsgi", MAX_WORKERS=MAX_WORKERS, OBSERVERS=[recorder]) as app:
        for _ in range(2):
            for _ in range(MAX_WORKERS):
                ask_wsgi(app, "/current")
            assert drain(PATIENCE)
            assert pooled.count_at_server() >= MAX_WORKERS
            pooled.close_at_server()
    assert [(fate.kind, fate.error) for fate in recorder.fates] == [
        ("succeeded", None)
    ] * 2 * MAX_WORKERS


def test_a_long_task_does_not_leave_a_closed_connection_to_the_next(
    served: ServedDatabase, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server closes while a task does other things is replaced before the next task."""
    keep_connections(served)
    monkeypatch.setattr("bgtasks_adapters.django.connections.RECHECK_SECONDS", 0.0)

    def view(request: HttpRequest) -> HttpResponse:
        add_task(save)
        add_task(_wait)
        add_task(save)
        return HttpResponse()

    current.append(view)
    with installed("middleware", "wsgi", MAX_WORKERS=1, OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/current")
        assert entered.wait(PATIENCE)
        served.close_at_server()
        release.set()
        assert drain(PATIENCE)
    assert [(fate.kind, fate.error) for fate in recorder.fates] == [("succeeded", None)] * 3


@pytest.mark.parametrize("url", ["/broken-inside", "/broken-inside-async"])
def test_a_connection_that_broke_serves_no_other_task(
    served: ServedDatabase, recorder: Recorder, url: str
) -> None:
    """The one task whose connection is closed under it fails; the next one gets a new one."""
    keep_connections(served)
    with installed("middleware", "wsgi", MAX_WORKERS=1, OBSERVERS=[recorder]) as app:
        ask_wsgi(app, url)
        assert entered.wait(PATIENCE)
        served.close_at_server()
        release.set()
        assert drain(PATIENCE)
    assert [(fate.kind, fate.error) for fate in recorder.fates] == [
        ("failed", "OperationalError"),
        ("succeeded", None),
    ]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_transaction_that_a_task_leaves_open(
    database: Database, recorder: Recorder, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It is rolled back and reported, and the tasks of the next response are not inside it."""
    keep_connections(database)

    def leave_open() -> None:
        transaction.atomic(using=database.alias).__enter__()
        save()

    async def leave_open_async() -> None:
        await sync_to_async(leave_open)()

    def view(request: HttpRequest) -> HttpResponse:
        add_task(leave_open_async if is_async else leave_open)
        return HttpResponse()

    current.append(view)
    with installed("middleware", "wsgi", MAX_WORKERS=1, OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/current")
        assert drain(PATIENCE)
        ask_wsgi(app, "/saving-twice")
        assert drain(PATIENCE)
    assert [fate.kind for fate in recorder.fates] == ["succeeded"] * 3
    assert database.notes.count() == 2
    assert f"left a transaction of the database '{database.alias}' open" in caplog.text
    if isinstance(database, ServedDatabase):
        assert not any(each.is_idle_in_transaction for each in database.connections_at_server())


def test_no_task_is_inside_the_transaction_of_the_one_before(
    database: Database, recorder: Recorder
) -> None:
    """What one def task leaves open is over for the next one of the same response."""

    def leave_open() -> None:
        transaction.atomic(using=database.alias).__enter__()
        save()

    def view(request: HttpRequest) -> HttpResponse:
        add_task(leave_open)
        add_task(save)
        return HttpResponse()

    current.append(view)
    with installed("middleware", "wsgi", MAX_WORKERS=1, OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/current")
        assert drain(PATIENCE)
    assert [fate.kind for fate in recorder.fates] == ["succeeded"] * 2
    assert database.notes.count() == 1


def test_the_views_own_connections_are_left_as_they_are(database: Database) -> None:
    """Tasks that run inline, on the view's thread, do not have its connection checked later."""
    keep_connections(database)
    with installed("middleware", "wsgi", EXECUTOR="inline") as app:
        ask_wsgi(app, "/saving-twice")
        ask_wsgi(app, "/saving-twice")
    here: Any = connections[database.alias]
    assert here.health_check_enabled is False


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_async_tasks_of_two_responses_do_not_queue(
    database: Database, recorder: Recorder, interface: Interface
) -> None:
    """While the ORM call of one response's task blocks, another response's task has its own."""

    async def ask_both() -> None:
        await ask_asgi_here(app, "/waiting")
        assert await asyncio.to_thread(entered.wait, PATIENCE)
        await ask_asgi_here(app, "/only-async")
        await asyncio.to_thread(recorder.wait_for, 1)
        release.set()
        await asyncio.to_thread(drain, PATIENCE)

    with installed("middleware", interface, OBSERVERS=[recorder]) as app:
        if interface == "asgi":
            asyncio.run(ask_both())
        else:
            ask_wsgi(app, "/waiting")
            assert entered.wait(PATIENCE)
            ask_wsgi(app, "/only-async")
            recorder.wait_for(1)
            release.set()
            assert drain(PATIENCE)
    assert [fate.name for fate in recorder.fates] == ["save_async", "wait_in_orm_thread"]


@pytest.mark.parametrize("url", ["/only-async", "/saving-async"])
def test_an_async_task_needs_not_the_thread_of_its_request(
    database: Database, recorder: Recorder, url: str
) -> None:
    """Under ASGI the request's own thread may be blocked in close(): its tasks run all the same."""
    ended: list[bool] = []
    number = 1 if url == "/only-async" else 2

    def block_request_thread(**kwargs: Any) -> None:
        ended.append(len(recorder.wait_for(number)) == number)

    request_finished.connect(block_request_thread)
    try:
        with installed("middleware", "asgi", OBSERVERS=[recorder]) as app:
            ask_asgi(app, url)
    finally:
        request_finished.disconnect(block_request_thread)
    assert ended == [True]
    assert database.notes.count() == number
