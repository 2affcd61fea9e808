"""Tasks added inside ``atomic()`` wait for the commit: what runs, what is skipped, and why.

Each row of the table in docs/transactions.md is a view below; `make test-django` writes the table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.urls import path
from pytest_django import DjangoDbBlocker

from bgtasks_adapters import add_task, drain, get_background_tasks
from tests.django_site.models import Note
from tests.pages import rows_of

from .database import KINDS, Database, database_of
from .exchange import PATIENCE, Reply, ask_asgi, ask_wsgi
from .installations import Installation, Interface, installed
from .record import ROW_OF_TRANSACTIONS, ROWS_OF_TRANSACTIONS, TRANSACTIONS
from .recorder import Fate, Recorder

decorators: Any = pytest.importorskip("rest_framework.decorators")
exceptions: Any = pytest.importorskip("rest_framework.exceptions")

databases: list[Database] = []
"""Those of the running test: the one that the views use, and another."""

seen: list[str] = []
"""What the tasks of the running test saw."""


class RolledBackError(Exception):
    """What a block raises that is to be rolled back."""


def alias() -> str:
    return databases[0].alias


def look(name: str = "task") -> None:
    """Note whether the row is there that the view saved: another connection sees it committed."""
    count = databases[0].notes.count()
    seen.append(f"{name} saw {count}")


def save() -> None:
    databases[0].notes.create(text="by the view")


def add() -> None:
    get_background_tasks().using(name="task").add_task(look)


# The views, one for each row of the table.


def outside(request: HttpRequest) -> HttpResponse:
    save()
    add()
    return HttpResponse()


def committed(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        add()
        save()
    return HttpResponse()


def durable(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias(), durable=True):
        add()
        save()
    return HttpResponse()


def rolled_back(request: HttpRequest) -> HttpResponse:
    _roll_back(add)
    return HttpResponse()


def set_rollback(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        add()
        transaction.set_rollback(True, using=alias())
    return HttpResponse()


def outer_rolled_back(request: HttpRequest) -> HttpResponse:
    def inner() -> None:
        with transaction.atomic(using=alias()):
            add()

    _roll_back(inner)
    return HttpResponse()


def savepoint_rolled_back(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        _roll_back(add)
        save()
    return HttpResponse()


def savepoint_committed(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        with transaction.atomic(using=alias()):
            add()
        save()
    return HttpResponse()


def raised(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        add()
        raise RolledBackError


def raised_behind(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        add()
    raise RolledBackError


def both_committed(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()), transaction.atomic(using=databases[1].alias):
        add()
        save()
    return HttpResponse()


def other_rolled_back(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        try:
            with transaction.atomic(using=databases[1].alias):
                add()
                raise RolledBackError
        except RolledBackError:
            save()
    return HttpResponse()


def hook_lost(request: HttpRequest) -> HttpResponse:
    def fail() -> NoReturn:
        raise RolledBackError

    try:
        with transaction.atomic(using=alias()):
            transaction.on_commit(fail, using=alias())
            add()
            save()
    except RolledBackError:
        return HttpResponse()
    raise AssertionError("the other function did not raise")


def option_off(request: HttpRequest) -> HttpResponse:
    _roll_back(lambda: get_background_tasks().using(on_commit=False, name="task").add_task(look))
    return HttpResponse()


def always(request: HttpRequest) -> HttpResponse:
    _roll_back(lambda: get_background_tasks().using(when="always", name="task").add_task(look))
    return HttpResponse()


def always_on_commit(request: HttpRequest) -> HttpResponse:
    options = get_background_tasks().using(when="always", on_commit=True, name="task")
    _roll_back(lambda: options.add_task(look))
    return HttpResponse()


def added_by_a_hook(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(using=alias()):
        transaction.on_commit(add, using=alias())
        save()
    return HttpResponse()


def _roll_back(function: Callable[[], object]) -> None:
    try:
        with transaction.atomic(using=alias()):
            function()
            raise RolledBackError
    except RolledBackError:
        return


async def from_threads(request: HttpRequest) -> HttpResponse:
    await sync_to_async(committed)(request)
    await sync_to_async(rolled_back)(request)
    return HttpResponse()


def _invalid(request: HttpRequest) -> NoReturn:
    add()
    whatever = get_background_tasks().using(name="whatever the outcome", when=lambda outcome: True)
    whatever.add_task(look)
    raise exceptions.ValidationError("not like that")


invalid: Any = decorators.api_view()(_invalid)


def in_test(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        add_task(seen.append, "added in the view's own block")
    try:
        with transaction.atomic():
            add_task(seen.append, "never")
            raise RolledBackError
    except RolledBackError:
        add_task(seen.append, "added outside of it")
    return HttpResponse()


VIEWS = {
    "outside of `atomic()`": outside,
    "in `atomic()`, which commits": committed,
    "in `atomic(durable=True)`, which commits": durable,
    "in `atomic()`, which is rolled back; the view returns": rolled_back,
    "the same by `set_rollback(True)`": set_rollback,
    "in an inner `atomic()`; the outer one is rolled back": outer_rolled_back,
    "in an inner `atomic()`, which is rolled back alone": savepoint_rolled_back,
    "in an inner `atomic()`; all commit": savepoint_committed,
    "in `atomic()`, out of which the view raises": raised,
    "in `atomic()`, which commits; then the view raises": raised_behind,
    "in `atomic()` of two databases, which both commit": both_committed,
    "in `atomic()` of two databases, of which one is rolled back": other_rolled_back,
    "another `on_commit` function raises behind the commit": hook_lost,
    "with `using(on_commit=False)`, in a rollback": option_off,
    'with `when="always"`, in a rollback': always,
    'with `when="always", on_commit=True`, in a rollback': always_on_commit,
    "by an `on_commit` function": added_by_a_hook,
}
current: list[Callable[[HttpRequest], HttpResponse]] = []
"""The view of a test that has one of its own."""


def run_current(request: HttpRequest) -> HttpResponse:
    return current[-1](request)


urlpatterns = [
    *(path(view.__name__, view) for view in VIEWS.values()),
    path("current", run_current),
    path("from-threads", from_threads),
    path("in-test", in_test),
    path("invalid", invalid),
]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> dict[str, str] | None:
    """The page's table; None when it is being written."""
    if request.config.getoption("--record"):
        return None
    return {row[0]: row[1] for row in rows_of(TRANSACTIONS.read())}


@pytest.fixture(params=KINDS)
def _databases(
    request: pytest.FixtureRequest,
    production: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
) -> Iterator[None]:
    with django_db_blocker.unblock(), ExitStack() as stack:
        for name in ("first", "second"):
            folder = tmp_path / name
            folder.mkdir()
            database = database_of(request.param, folder, give_up)
            stack.enter_context(database.existing())
            databases.append(database)
        seen.clear()
        yield
        assert drain(PATIENCE)
        databases.clear()


def ask(interface: Interface, app: Any, url: str) -> Reply | None:
    return ask_wsgi(app, url) if interface == "wsgi" else ask_asgi(app, url)


def in_words(fate: Fate) -> str:
    return "runs" if fate.kind == "succeeded" else f"{fate.kind}: {fate.reason}"


def test_the_table_has_every_view(
    expected: dict[str, str] | None, record_property: Callable[[str, object], None]
) -> None:
    """The page's table and the views here are the same list."""
    record_property(ROWS_OF_TRANSACTIONS, list(VIEWS))
    assert list(VIEWS if expected is None else expected) == list(VIEWS)


@pytest.mark.usefixtures("_databases")
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("added", VIEWS)
def test_a_row_of_the_table(
    added: str,
    interface: Interface,
    recorder: Recorder,
    expected: dict[str, str] | None,
    record_property: Callable[[str, object], None],
) -> None:
    """Each row of the page's table is what happens, on every database, over WSGI and ASGI."""
    with installed("boundary", interface, OBSERVERS=[recorder]) as app:
        ask(interface, app, f"/{VIEWS[added].__name__}")
        (fate,) = recorder.wait_for(1)
    record_property(ROW_OF_TRANSACTIONS, (added, in_words(fate)))
    if expected is not None:
        assert in_words(fate) == expected[added]
    if fate.kind == "succeeded" and databases[0].notes.exists():
        assert seen == ["task saw 1"], "it ran before the commit"


@pytest.mark.usefixtures("_databases")
@pytest.mark.parametrize("installation", ["middleware", "boundary"])
@pytest.mark.parametrize("url", ["outside", "raised"])
def test_atomic_requests(installation: Installation, url: str, recorder: Recorder) -> None:
    """With ATOMIC_REQUESTS a task waits for the commit behind the view, and is skipped without."""
    connections[alias()].settings_dict["ATOMIC_REQUESTS"] = True
    with installed(installation, "wsgi", OBSERVERS=[recorder]) as app:
        ask("wsgi", app, f"/{url}")
        (fate,) = recorder.wait_for(1)
    assert fate.kind == ("succeeded" if url == "outside" else "skipped")
    assert seen == (["task saw 1"] if url == "outside" else [])


@pytest.mark.usefixtures("_databases")
def test_the_setting(recorder: Recorder) -> None:
    """With ON_COMMIT False, tasks do not care for transactions."""
    with installed("boundary", "wsgi", OBSERVERS=[recorder], ON_COMMIT=False) as app:
        ask("wsgi", app, "/rolled_back")
        (fate,) = recorder.wait_for(1)
    assert fate.kind == "succeeded"


@pytest.mark.usefixtures("_databases")
@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_a_task_that_adds_one_in_a_transaction(ending: str, recorder: Recorder) -> None:
    """What a running task adds inside `atomic()` runs behind the commit, or is skipped."""
    inside: list[list[str]] = []

    def parent() -> None:
        def body() -> None:
            add()
            save()
            inside.append(list(seen))

        if ending == "rollback":
            _roll_back(body)
        else:
            with transaction.atomic(using=alias()):
                body()

    def view(request: HttpRequest) -> HttpResponse:
        get_background_tasks().using(name="parent").add_task(parent)
        return HttpResponse()

    current.append(view)
    with installed("boundary", "wsgi", OBSERVERS=[recorder]) as app:
        ask("wsgi", app, "/current")
        recorder.wait_for(2)
    assert inside == [[]]
    assert recorder.kinds["task"] == ("succeeded" if ending == "commit" else "skipped")
    assert seen == (["task saw 1"] if ending == "commit" else [])


def never_ended(request: HttpRequest) -> HttpResponse:
    transaction.atomic(using=alias()).__enter__()
    add()
    return HttpResponse()


@pytest.mark.usefixtures("_databases")
def test_a_transaction_that_is_never_ended(recorder: Recorder) -> None:
    """Django closes the connection of a transaction that is left open: its task is skipped."""
    current.append(never_ended)
    with installed("boundary", "wsgi", OBSERVERS=[recorder]) as app:
        # On a thread of its own, whose connection is not used again.
        asking = threading.Thread(target=ask, args=("wsgi", app, "/current"))
        asking.start()
        asking.join(PATIENCE)
        (fate,) = recorder.wait_for(1)
    assert in_words(fate) == "skipped: its transaction was rolled back"


@pytest.mark.usefixtures("_databases")
def test_async_views(recorder: Recorder) -> None:
    """An async view's transactions, which are on threads, hold its tasks just the same."""
    with installed("boundary", "asgi", OBSERVERS=[recorder]) as app:
        ask("asgi", app, "/from-threads")
        fates = recorder.wait_for(2)
    assert sorted(in_words(fate) for fate in fates) == [
        "runs",
        "skipped: its transaction was rolled back",
    ]


@override_settings(
    MIDDLEWARE=["bgtasks_adapters.django.BackgroundTasksMiddleware"],
    BGTASKS={"HANDLE_SIGTERM": False},
)
class TestInATestCase(TestCase):
    """In a TestCase the test's own transaction holds nothing back; the view's own blocks count."""

    def test_tasks_run_within_the_request(self) -> None:
        seen.clear()
        assert Client().get("/in-test").status_code == 200
        assert seen == ["added in the view's own block", "added outside of it"]

    def test_with_commit_hooks_captured(self) -> None:
        seen.clear()
        with self.captureOnCommitCallbacks(execute=True):
            Client().get("/in-test")
        assert seen == ["added in the view's own block", "added outside of it"]
        assert Note.objects.count() == 0


@override_settings(
    MIDDLEWARE=["bgtasks_adapters.django.BackgroundTasksMiddleware"],
    BGTASKS={"HANDLE_SIGTERM": False},
)
class TestInATransactionTestCase(TransactionTestCase):
    """In a TransactionTestCase transactions are real ones, and tasks run as in production."""

    def test_tasks_run_behind_the_commit(self) -> None:
        seen.clear()
        assert Client().get("/in-test").status_code == 200
        assert drain(PATIENCE)
        assert seen == ["added in the view's own block", "added outside of it"]


@pytest.mark.usefixtures("_databases")
def test_the_exception_handler_of_rest_framework(recorder: Recorder) -> None:
    """What DRF answers with 400 counts as raised; under ATOMIC_REQUESTS it is rolled back, too."""
    connections[alias()].settings_dict["ATOMIC_REQUESTS"] = True
    with installed("boundary", "wsgi", OBSERVERS=[recorder]) as app:
        reply = ask("wsgi", app, "/invalid")
        fates = recorder.wait_for(2)
    assert reply is not None
    assert reply.status == 400
    assert {fate.name: in_words(fate) for fate in fates} == {
        "task": "skipped: the response had the status 400",
        "whatever the outcome": "skipped: its transaction was rolled back",
    }
