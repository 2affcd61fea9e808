"""What add_task() says of Django's objects: every row of docs/arguments.md is tried here."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.db import connection, connections, models
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path
from pytest_django import Settings

from bgtasks_adapters import (
    BackgroundTasks,
    BackgroundTasksWarning,
    UnsafeArgumentError,
    add_task,
    drain,
)
from bgtasks_adapters.django import with_background_tasks
from tests.arguments_page import read_table

from .exchange import PATIENCE
from .samples import SAMPLES, Given, given, ignore

MIDDLEWARE = [
    "bgtasks_adapters.django.BackgroundTasksMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
PAGE = {**read_table("Django"), **read_table("Everywhere")}


TRIALS = [
    pytest.param(name, sample, id=f"{name} {number}")
    for name, samples in SAMPLES.items()
    for number, sample in enumerate(samples)
]

Maker = Callable[[HttpRequest], Given]
makers: list[Maker] = []
verdicts: list[str] = []
queries: list[int] = []


def judge(func: Callable[..., object], args: tuple[Any, ...]) -> str:
    """Add a task; return what was said, in the words of the page."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            add_task(func, *args)
        except UnsafeArgumentError:
            assert not caught
            return "refused"
    assert all(warning.category is BackgroundTasksWarning for warning in caught)
    ids = {str(warning.message).partition(":")[0] for warning in caught}
    assert len(ids) <= 1
    return ids.pop() if ids else "fine"


def view(request: HttpRequest) -> HttpResponse:
    func, args = makers[-1](request)
    with CaptureQueriesContext(connection) as captured:
        verdicts.append(judge(func, args))
    queries.append(len(captured))
    return HttpResponse()


async def async_view(request: HttpRequest) -> HttpResponse:
    func, args = await sync_to_async(makers[-1])(request)
    verdicts.append(judge(func, args))
    return HttpResponse()


@with_background_tasks
def helper(value: object, tasks: BackgroundTasks) -> None:
    tasks.add_task(ignore, value)


SPELLINGS: dict[str, Callable[[BackgroundTasks, Any], object]] = {
    "add_task": lambda tasks, value: add_task(ignore, value),
    "tasks.add_task": lambda tasks, value: tasks.add_task(ignore, value),
    "using().add_task": lambda tasks, value: tasks.using(name="x").add_task(ignore, value),
    "a decorated helper": lambda tasks, value: helper(value),
}


LINE_IN_HELPER = helper.__wrapped__.__code__.co_firstlineno + 2  # type: ignore[attr-defined]
spellings: list[Callable[[BackgroundTasks, Any], object]] = []


@with_background_tasks
def spelling_view(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    for _ in range(2):
        spellings[-1](tasks, Group(name="unsaved"))
    return HttpResponse()


@with_background_tasks
async def async_spelling_view(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    for _ in range(2):
        spellings[-1](tasks, Group(name="unsaved"))
    return HttpResponse()


def note_down(value: object) -> None:
    verdicts.append("run")


def erring_view(request: HttpRequest) -> HttpResponse:
    with pytest.raises(BackgroundTasksWarning, match=r"^bgtasks\.W101: "):
        add_task(note_down, request)
    return HttpResponse()


urlpatterns = [
    path("def", view),
    path("async", async_view),
    path("spelling/def", spelling_view),
    path("spelling/async", async_spelling_view),
    path("erring", erring_view),
]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def _site(settings: Settings) -> Iterator[None]:
    settings.MIDDLEWARE = MIDDLEWARE
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    yield
    for kept in (makers, verdicts, queries, spellings):
        kept.clear()


def cookies() -> Any:
    client = Client()
    client.force_login(User.objects.create_user("ada", "ada@example.org"))
    return client.cookies


def upload() -> dict[str, object]:
    return {"photo": ContentFile(b"x", name="photo.png"), "word": "hello"}


def test_the_page_names_what_is_tried() -> None:
    """The tables of the page have a row for each sample, and no other."""
    assert list(PAGE) == list(SAMPLES)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "sample"), TRIALS)
def test_the_page_says_what_is_said(name: str, sample: Maker) -> None:
    """In a def view: the verdict of the page, without a query."""
    makers.append(sample)
    client = Client()
    client.cookies = cookies()
    assert client.post("/def", upload()).status_code == 200
    assert verdicts == [PAGE[name]]
    assert queries == [0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "sample"), TRIALS)
def test_the_verdict_is_the_same_in_an_async_view(name: str, sample: Maker) -> None:
    """On a loop, where a query would be an error, and where no TestCase is at work."""

    async def post() -> None:
        client = AsyncClient()
        client.cookies = await sync_to_async(cookies)()
        assert (await client.post("/async", upload())).status_code == 200
        assert await asyncio.to_thread(drain, PATIENCE)

    makers.append(sample)
    asyncio.run(post())
    assert verdicts == [PAGE[name]]


WARNED = [trial for trial in TRIALS if PAGE[str(trial.values[0])].startswith("bgtasks.")]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "sample"), WARNED)
def test_a_warning_is_silenced_by_its_id(name: str, sample: Maker) -> None:
    """The id in SILENCED_SYSTEM_CHECKS silences a warning, and another id does not."""
    makers.append(sample)
    client = Client()
    client.cookies = cookies()
    for silenced in ([PAGE[name]], ["bgtasks.W001"]):
        with override_settings(SILENCED_SYSTEM_CHECKS=silenced):
            assert client.post("/def", upload()).status_code == 200
    assert verdicts == ["fine", PAGE[name]]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["def", "async"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_warning_is_told_once_at_the_line_that_adds(spelling: str, kind: str) -> None:
    """However add_task is reached, file and line are the caller's, and Python tells it once."""
    add = SPELLINGS[spelling]
    spellings.append(add)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            assert Client().get(f"/spelling/{kind}").status_code == 200
    assert len(caught) == 1
    is_helper = spelling == "a decorated helper"
    line = LINE_IN_HELPER if is_helper else add.__code__.co_firstlineno
    assert (Path(caught[0].filename), caught[0].lineno) == (Path(__file__), line)
    assert "add_task(ignore, ...) got an instance of Group without a row (argument 0)" in str(
        caught[0].message
    )


@pytest.mark.django_db
def test_where_warnings_are_errors_nothing_is_queued() -> None:
    """add_task raises the warning then, and the view may go on without the task."""
    assert Client().get("/erring").status_code == 200
    assert drain(PATIENCE)
    assert verdicts == []


class SharedConnectionTests(TransactionTestCase):
    """Connections that may be used by any thread."""

    def test_a_shared_connection_may_be_passed(self) -> None:
        """What was made for several threads is not refused."""
        makers.append(given(lambda request: connections["default"]))
        connection.inc_thread_sharing()
        try:
            Client().get("/def")
        finally:
            connection.dec_thread_sharing()
        assert verdicts == ["fine"]


class CompositeKeyTests(TestCase):
    """Models whose key has several columns."""

    def test_a_composite_key_counts_as_a_key(self) -> None:
        """An instance has a row if all columns of its key have a value."""

        class Seat(models.Model):
            pk = models.CompositePrimaryKey("row", "number")
            row = models.IntegerField()
            number = models.IntegerField()

            class Meta:
                app_label = "django_site"

        from bgtasks_adapters import BackgroundTask
        from bgtasks_adapters.django.arguments import argument_rules

        task = BackgroundTask(ignore)
        ids = []
        for values in ((1, 2), (1, None)):
            seat = Seat.from_db("default", ["row", "number"], values)
            finding = argument_rules.judge(task, seat)
            assert finding is not None
            ids.append(finding.id)
        assert ids == ["bgtasks.W104", "bgtasks.W105"]
