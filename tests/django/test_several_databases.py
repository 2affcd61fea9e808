"""Several databases: `using=`, routers, and transactions of each, on real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from pytest_django import DjangoDbBlocker

from bgtasks_adapters import add_task, drain
from tests.django_site.models import Note

from .database import Database, Kind, ServedDatabase, database_of
from .exchange import PATIENCE, ask_asgi, ask_wsgi
from .installations import Interface, installed
from .recorder import Recorder

REQUESTS = 10
MAX_WORKERS = 2

PAIRS: list[tuple[Kind, Kind]] = [
    ("postgresql", "mariadb"),
    ("pool", "sqlite"),
    ("sqlite", "sqlite"),
    ("mariadb", "mariadb"),
]

databases: list[Database] = []
"""The two of the running test."""

seen: list[tuple[int, int]] = []
"""How many rows a task found in each."""


class Router:
    """Reads from the first database, writes to the second."""

    def db_for_read(self, model: type, **hints: Any) -> str:
        return databases[0].alias

    def db_for_write(self, model: type, **hints: Any) -> str:
        return databases[1].alias


class RolledBackError(Exception):
    """What a block raises that is to be rolled back."""


def write_both() -> None:
    for database in databases:
        database.notes.create(text="by its alias")


async def write_both_async() -> None:
    for database in databases:
        await database.notes.acreate(text="by its alias")


def write_routed() -> None:
    Note.objects.create(text="by the router")
    assert not Note.objects.exists(), "read where it was written"


async def write_routed_async() -> None:
    await Note.objects.acreate(text="by the router")
    assert not await Note.objects.aexists(), "read where it was written"


def look() -> None:
    first, second = (database.notes.count() for database in databases)
    seen.append((first, second))


def both(request: HttpRequest) -> HttpResponse:
    add_task(write_both)
    add_task(write_both_async)
    return HttpResponse()


def routed(request: HttpRequest) -> HttpResponse:
    add_task(write_routed)
    add_task(write_routed_async)
    return HttpResponse()


def in_second(request: HttpRequest) -> HttpResponse:
    """Add the task in the second database's transaction, which commits, then fail in the first."""
    try:
        with transaction.atomic(using=databases[0].alias):
            databases[0].notes.create(text="rolled back")
            raise RolledBackError
    except RolledBackError:
        pass
    with transaction.atomic(using=databases[1].alias):
        add_task(look)
        databases[1].notes.create(text="committed")
    return HttpResponse()


def rolled_back_in_second(request: HttpRequest) -> HttpResponse:
    """Commit in the first database, and roll the task's transaction back in the second."""
    with transaction.atomic(using=databases[0].alias):
        databases[0].notes.create(text="committed")
    try:
        with transaction.atomic(using=databases[1].alias):
            add_task(look)
            raise RolledBackError
    except RolledBackError:
        return HttpResponse()


def write_then_fail_in_second() -> None:
    with transaction.atomic(using=databases[0].alias):
        databases[0].notes.create(text="committed")
    with transaction.atomic(using=databases[1].alias):
        databases[1].notes.create(text="rolled back")
        raise RolledBackError


def failing(request: HttpRequest) -> HttpResponse:
    add_task(write_then_fail_in_second)
    add_task(look)
    return HttpResponse()


urlpatterns = [
    path(view.__name__, view) for view in (both, routed, in_second, rolled_back_in_second, failing)
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("production", "_databases")]


@pytest.fixture(params=PAIRS, ids="-".join)
def _databases(
    request: pytest.FixtureRequest,
    production: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
) -> Iterator[None]:
    with django_db_blocker.unblock(), ExitStack() as stack:
        for name, kind in zip(("first", "second"), request.param, strict=True):
            folder = tmp_path / name
            folder.mkdir()
            database = database_of(kind, folder, give_up)
            stack.enter_context(database.existing())
            databases.append(database)
        seen.clear()
        yield
        assert drain(PATIENCE)
        databases.clear()


def ask(interface: Interface, app: Any, url: str) -> None:
    ask_wsgi(app, url) if interface == "wsgi" else ask_asgi(app, url)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_task_writes_to_two_databases(interface: Interface, recorder: Recorder) -> None:
    """Each worker has one connection to each database, and with CONN_MAX_AGE=0 none afterwards."""
    with installed("boundary", interface, MAX_WORKERS=MAX_WORKERS, OBSERVERS=[recorder]) as app:
        for _ in range(REQUESTS):
            ask(interface, app, "/both")
        fates = recorder.wait_for(2 * REQUESTS)
        assert drain(PATIENCE)
    assert {fate.kind for fate in fates} == {"succeeded"}
    for database in databases:
        assert database.notes.count() == 2 * REQUESTS
        assert 1 <= len(set(database.opened)) <= MAX_WORKERS
        assert database.open_connections == 0


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_router_decides_in_tasks(interface: Interface, recorder: Recorder) -> None:
    """Tasks read and write where DATABASE_ROUTERS send them."""
    with (
        override_settings(DATABASE_ROUTERS=[Router()]),
        installed("boundary", interface, OBSERVERS=[recorder]) as app,
    ):
        ask(interface, app, "/routed")
        fates = recorder.wait_for(2)
    assert [(fate.kind, fate.error) for fate in fates] == [("succeeded", None)] * 2
    assert [database.notes.count() for database in databases] == [0, 2]


def test_a_task_waits_for_the_transaction_it_was_added_in(recorder: Recorder) -> None:
    """It waits for that database's commit, whatever became of another one's transaction."""
    with installed("boundary", "wsgi", OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/in_second")
        (fate,) = recorder.wait_for(1)
    assert fate.kind == "succeeded"
    assert seen == [(0, 1)]


def test_a_rollback_in_one_database_is_that_of_its_tasks(recorder: Recorder) -> None:
    """A task of a transaction that is rolled back is skipped, though another database committed."""
    with installed("boundary", "wsgi", OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/rolled_back_in_second")
        (fate,) = recorder.wait_for(1)
    assert (fate.kind, fate.reason) == ("skipped", "its transaction was rolled back")
    assert databases[0].notes.count() == 1


def test_a_task_that_fails_in_one_database(recorder: Recorder) -> None:
    """What it committed in the other stays, and the next task finds both connections in order."""
    with installed("boundary", "wsgi", MAX_WORKERS=1, OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/failing")
        fates = recorder.wait_for(2)
    assert [fate.kind for fate in fates] == ["failed", "succeeded"]
    assert seen == [(1, 0)]


def test_only_the_database_that_closed_its_connections_is_connected_anew(
    recorder: Recorder,
) -> None:
    """Each kept connection is checked for itself."""
    first, second = databases
    if not isinstance(first, ServedDatabase) or first.has_pool:
        pytest.skip("needs a database with a server, and connections that are kept")
    for database in databases:
        database.settings["CONN_MAX_AGE"] = None
    with installed("boundary", "wsgi", MAX_WORKERS=1, OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/both")
        recorder.wait_for(2)
        assert drain(PATIENCE)
        opened = [len(database.opened) for database in databases]
        first.close_at_server()
        ask_wsgi(app, "/both")
        fates = recorder.wait_for(4)
    assert {fate.kind for fate in fates} == {"succeeded"}
    assert len(first.opened) == opened[0] + 1
    assert len(second.opened) == opened[1]
