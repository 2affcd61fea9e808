"""Why docs/arguments.md refuses or warns: what happens to a task that gets such a thing after all.

It is passed in an attribute of an object, into which nobody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from asgiref.sync import sync_to_async
from django import forms
from django.contrib.auth.models import AnonymousUser, Group
from django.core.files.base import ContentFile
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.functional import SimpleLazyObject
from pytest_django import DjangoDbBlocker, Settings

from bgtasks_adapters import add_task, drain
from tests.django_site.models import Note

from .database import Database, database_of
from .exchange import PATIENCE, ask_asgi, ask_wsgi
from .installations import Interface, installed


class Held:
    """Something in an attribute."""

    def __init__(self, value: Any) -> None:
        self.value = value


Use = Callable[[Any], object]
passed: list[tuple[Callable[[HttpRequest], Any], Use, Sequence[Callable[..., object]]]] = []
came_of_it: list[str] = []


def use(held: Held, use: Use) -> None:
    try:
        came_of_it.append(str(use(held.value)))
    except Exception as error:
        came_of_it.append(type(error).__name__)


async def use_on_loop(held: Held, of_it: Use) -> None:
    use(held, of_it)


async def use_off_loop(held: Held, of_it: Use) -> None:
    await sync_to_async(use)(held, of_it)


def view(request: HttpRequest) -> HttpResponse:
    make, of_it, tasks = passed[-1]
    held = Held(make(request))
    for task in tasks:
        add_task(task, held, of_it)
    return HttpResponse()


urlpatterns = [path("", view)]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def nothing_passed() -> Iterator[None]:
    yield
    passed.clear()
    came_of_it.clear()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest,
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
) -> Iterator[Database]:
    with django_db_blocker.unblock():
        database = database_of(request.param, tmp_path, give_up)
        with database.existing():
            for number in range(5):
                database.notes.create(text=str(number))
            yield database
            assert drain(PATIENCE)


def ask(interface: Interface) -> None:
    with installed("boundary", interface) as app:
        assert (ask_wsgi if interface == "wsgi" else ask_asgi)(app, "/").status == 200
        assert drain(PATIENCE)


def query(cursor: Any) -> object:
    cursor.execute("SELECT 1")
    return cursor.fetchone()[0]


def query_through(connection: Any) -> object:
    return query(connection.cursor())


def query_by_alias(alias: str) -> object:
    return query(connections[alias].cursor())


@pytest.mark.usefixtures("production")
def test_a_connection_of_the_view(database: Database) -> None:
    """Refused: on a task's thread each query raises, by def and async def tasks alike."""
    # Under WSGI, where the view's thread goes on. Under ASGI it has ended, and where a worker is
    # given its number Django takes it for the same; the error is another one then, if any.
    passed.append((lambda r: connections[database.alias], query_through, [use, use_off_loop]))
    ask("wsgi")
    assert came_of_it == ["DatabaseError", "DatabaseError"]


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_an_alias_instead(database: Database, interface: Interface) -> None:
    """The message's advice works: the alias finds the connection of the task's thread."""
    passed.append((lambda r: database.alias, query_by_alias, [use, use_off_loop]))
    ask(interface)
    assert came_of_it == ["1", "1"]


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(("age", "is_closed"), [(0, True), (None, False)])
def test_a_cursor_of_the_view(database: Database, age: int | None, is_closed: bool) -> None:
    """W109: it depends on CONN_MAX_AGE whether its connection is there at all."""
    connections[database.alias].settings_dict["CONN_MAX_AGE"] = age
    database.settings["CONN_MAX_AGE"] = age
    connections[database.alias].close()
    connections[database.alias].close_at = None
    passed.append((lambda r: connections[database.alias].cursor(), query, [use]))
    with installed("boundary", "wsgi") as app:
        assert ask_wsgi(app, "/").status == 200
        assert drain(PATIENCE)
    errors = ["ProgrammingError", "OperationalError", "InterfaceError"]
    assert (came_of_it[0] in errors) is is_closed
    assert is_closed or came_of_it == ["1"]


@pytest.mark.usefixtures("production")
def test_a_generator_that_reads_from_the_views_connection(database: Database) -> None:
    """W110: a started queryset.iterator() finds its connection closed; a fresh one queries."""

    def started(request: HttpRequest) -> Any:
        rows = database.notes.iterator(chunk_size=1)
        next(rows)
        return rows

    for make in (started, lambda request: database.notes.iterator()):
        passed.append((make, lambda rows: len(list(rows)), [use]))
        with installed("boundary", "wsgi") as app:
            ask_wsgi(app, "/")
            assert drain(PATIENCE)
    assert came_of_it[0] in ("ProgrammingError", "OperationalError", "InterfaceError")
    assert came_of_it[1] == "5"


@pytest.fixture
def client(settings: Settings) -> Client:
    settings.MIDDLEWARE = [
        "bgtasks_adapters.django.BackgroundTasksMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
    ]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    return Client()


def send(client: Client, make: Callable[[HttpRequest], Any], of_it: Use, *, is_async: bool) -> str:
    passed.append((make, of_it, [use_on_loop if is_async else use]))
    upload = {"photo": ContentFile(b"x", name="photo.png"), "word": "hello"}
    assert client.post("/", upload).status_code == 200
    assert drain(PATIENCE)
    return came_of_it[-1]


def add_to_cart(session: Any) -> str:
    session["cart"] = "pen"
    return "added"


def test_changes_of_a_session_are_lost(client: Client) -> None:
    """W101, W102: no error, and nothing there at the next request."""
    assert send(client, lambda r: r.session, add_to_cart, is_async=False) == "added"
    found = send(client, lambda r: r.session.get("cart"), str, is_async=False)
    assert found == "None"


@pytest.mark.django_db(transaction=True)
def test_a_lazy_object_is_evaluated_by_the_task(client: Client) -> None:
    """W103: in a def task it is another query than the view's; in an async def one an error."""

    def lazy(request: HttpRequest) -> Any:
        return SimpleLazyObject(lambda: Group.objects.first() or AnonymousUser())

    Group.objects.create(name="staff")
    assert send(client, lazy, lambda group: group.name, is_async=False) == "staff"
    assert send(client, lazy, lambda group: group.name, is_async=True) == (
        "SynchronousOnlyOperation"
    )


@pytest.mark.django_db(transaction=True)
def test_a_queryset_is_evaluated_by_the_task(client: Client) -> None:
    """W106: it sees what came after the view; in an async def task it is an error."""
    late = []

    def notes(request: HttpRequest) -> Any:
        rows = Note.objects.all()
        assert rows.count() == 0
        add_task(lambda: late.append(Note.objects.create(text="late")))
        return rows

    assert send(client, notes, len, is_async=False) == "1"
    Note.objects.all().delete()
    assert send(client, notes, len, is_async=True) == "SynchronousOnlyOperation"
    assert len(late) == 2


@pytest.mark.django_db(transaction=True)
def test_a_stale_row_is_written_back(client: Client) -> None:
    """W104: save() in the task undoes what was written after the instance was loaded."""
    Group.objects.create(name="old")

    def load(request: HttpRequest) -> Any:
        group = Group.objects.get()
        Group.objects.update(name="new")
        return group

    assert send(client, load, lambda group: group.save(), is_async=False) == "None"
    assert Group.objects.get().name == "old"


@pytest.mark.django_db(transaction=True)
def test_an_instance_without_a_row_has_no_relations(client: Client) -> None:
    """W105: what is related to it raises ValueError."""

    def count(group: Any) -> object:
        return group.user_set.count()

    assert send(client, lambda r: Group(name="new"), count, is_async=False) == "ValueError"

    def deleted(request: HttpRequest) -> Any:
        group = Group.objects.create(name="gone")
        group.delete()
        return group

    assert send(client, deleted, count, is_async=False) == "ValueError"


class UploadForm(forms.Form):
    word = forms.CharField()
    photo = forms.FileField()


def test_the_files_of_a_form_are_closed(client: Client) -> None:
    """W108: its words can be read, its files cannot."""

    def form(request: HttpRequest) -> Any:
        bound = UploadForm(request.POST, request.FILES)
        assert bound.is_valid()
        return bound

    word = send(client, form, lambda it: it.cleaned_data["word"], is_async=False)
    assert word == "hello"
    photo = send(client, form, lambda it: it.cleaned_data["photo"].read(), is_async=False)
    assert photo == "ValueError"
