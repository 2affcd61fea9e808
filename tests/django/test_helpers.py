"""The decorator on helpers below a view: the view's own collection, or an error at once."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from bgtasks_adapters import BackgroundTasks, NoActiveResponseError, drain, get_background_tasks
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.notes import note, ran

from .exchange import PATIENCE


@with_background_tasks
def inner_view(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "inner")
    return HttpResponse()


@with_background_tasks
def helper(text: str, tasks: BackgroundTasks) -> BackgroundTasks:
    tasks.add_task(note, text)
    return tasks


@with_background_tasks
async def async_helper(text: str, *, tasks: BackgroundTasks) -> BackgroundTasks:
    tasks.add_task(note, text)
    return tasks


@with_background_tasks
def with_helpers(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "view")
    same = helper("helper") is tasks is get_background_tasks()
    return HttpResponse(b"same" if same else b"another")


@with_background_tasks
async def with_async_helpers(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "view")
    same = await async_helper("helper") is helper("def helper") is tasks
    return HttpResponse(b"same" if same else b"another")


@with_background_tasks
def with_decorated_view_below(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "outer")
    return inner_view(request)


urlpatterns = [
    path("helpers", with_helpers),
    path("async-helpers", with_async_helpers),
    path("below", with_decorated_view_below),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("alone")]


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@pytest.mark.parametrize(
    ("url", "expected"),
    [("/helpers", ["view", "helper"]), ("/async-helpers", ["view", "helper", "def helper"])],
)
def test_a_helper_gets_the_collection_of_its_view(url: str, expected: list[str]) -> None:
    """A decorated function below a view gets the view's own collection."""
    assert Client().get(url).content == b"same"
    assert drain(PATIENCE)
    assert ran == expected


def test_a_decorated_view_below_another_shares_its_collection() -> None:
    """A view that calls another one is still one view, with one collection."""
    assert Client().get("/below").status_code == 200
    assert drain(PATIENCE)
    assert ran == ["outer", "inner"]


def test_a_collection_passed_explicitly_needs_no_response() -> None:
    """A helper that is handed a collection works in a script, too."""
    own = BackgroundTasks()
    assert helper("by position", own) is own
    assert helper("by name", tasks=own) is own
    assert [task.args[0] for task in own.tasks] == ["by position", "by name"]


def test_a_helper_without_a_response_raises_before_it_is_called() -> None:
    """With no response around it a helper raises, and its body does not run."""
    entered: list[str] = []

    @with_background_tasks
    def careful(tasks: BackgroundTasks) -> None:
        entered.append("entered")

    with pytest.raises(NoActiveResponseError, match="No response is being made here"):
        careful()
    assert entered == []


@pytest.mark.anyio
async def test_an_async_helper_without_a_response_raises() -> None:
    """An async helper raises when it is awaited, before its body runs."""
    with pytest.raises(NoActiveResponseError, match="task_scope"):
        await async_helper("never")
    assert ran == []
