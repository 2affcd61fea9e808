"""The decorator on views, with nothing else installed: the parameter, and how it is found."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path, re_path

from bgtasks_adapters import BackgroundTasks, MissingParameterError, drain
from bgtasks_adapters.django import with_background_tasks
from tests.django_site import typed_views
from tests.django_site.notes import async_note, note, ran

from .exchange import PATIENCE


@with_background_tasks
def def_view(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "def task")
    tasks.add_task(async_note, "async task")
    return HttpResponse(b"def")


@with_background_tasks
async def async_view(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "def task")
    tasks.add_task(async_note, "async task")
    return HttpResponse(b"async")


@with_background_tasks
def keyword_only(request: HttpRequest, *, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "keyword-only")
    return HttpResponse()


@with_background_tasks
def first_of_all(tasks: BackgroundTasks, request: HttpRequest, number: int) -> HttpResponse:
    tasks.add_task(note, f"{number}")
    return HttpResponse()


@with_background_tasks
def between(
    request: HttpRequest, tasks: BackgroundTasks, number: str, word: str = "none"
) -> HttpResponse:
    tasks.add_task(note, f"{number} {word}")
    return HttpResponse()


@with_background_tasks
def by_any_name(request: HttpRequest, number: int, later: BackgroundTasks) -> HttpResponse:
    later.add_task(note, f"{number}")
    return HttpResponse()


urlpatterns = [
    path("def", def_view),
    path("async", async_view),
    path("keyword", keyword_only),
    path("first/<int:number>", first_of_all),
    re_path(r"^unnamed/(\d+)/(\w+)$", between),
    re_path(r"^unnamed/(\d+)$", between),
    path("named/<number>/<word>", between),
    path("any/<int:number>", by_any_name),
    path("typed/name", typed_views.by_name),
    path("typed/module", typed_views.by_module),
    path("typed/optional", typed_views.optional),
    path("typed/beside", typed_views.beside_unresolvable),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("alone")]


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def ran_after(url: str) -> list[str]:
    """Return what ran behind one request."""
    response = Client().get(url)
    assert response.status_code == 200
    assert drain(PATIENCE)
    return ran


@pytest.mark.parametrize("url", ["/def", "/async"])
def test_the_tasks_of_a_view_run_in_their_order(url: str) -> None:
    """A view, def or async def, gets a collection whose tasks run behind its response."""
    assert ran_after(url) == ["def task", "async task"]


@pytest.mark.parametrize("url", ["/def", "/async"])
@pytest.mark.anyio
async def test_the_tasks_of_a_view_run_under_asgi(url: str) -> None:
    """The same views do the same under ASGI."""
    response = await AsyncClient().get(url)
    assert response.status_code == 200
    assert await asyncio.to_thread(drain, PATIENCE)
    assert ran == ["def task", "async task"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/keyword", "keyword-only"),
        ("/first/7", "7"),
        ("/unnamed/7/seven", "7 seven"),
        ("/unnamed/7", "7 none"),
        ("/named/7/seven", "7 seven"),
        ("/any/7", "7"),
    ],
)
def test_the_parameter_stands_anywhere(url: str, expected: str) -> None:
    """Keyword-only or not, before or between what the URL gives, by any name."""
    assert ran_after(url) == [expected]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/typed/name", "by name"),
        ("/typed/module", "by module"),
        ("/typed/optional", "optional"),
        ("/typed/beside", "beside an annotation that cannot be resolved"),
    ],
)
def test_annotations_that_are_strings(url: str, expected: str) -> None:
    """The one annotation is found as a string, too, and imported under TYPE_CHECKING only."""
    assert ran_after(url) == [expected]


@pytest.mark.parametrize(
    ("view", "visible"),
    [
        (def_view, ["request"]),
        (async_view, ["request"]),
        (keyword_only, ["request"]),
        (between, ["request", "number", "word"]),
        (typed_views.by_name, ["request"]),
    ],
)
def test_the_parameter_is_hidden(view: Any, visible: list[str]) -> None:
    """Tools that read signatures or annotations see a view without the parameter."""
    assert list(inspect.signature(view).parameters) == visible
    assert not any("BackgroundTasks" in str(each) for each in view.__annotations__.values())


def test_a_decorated_function_keeps_its_name_and_its_kind() -> None:
    """Its name, its docstring and whether it is async def are those of the function."""
    assert (def_view.__name__, def_view.__module__) == ("def_view", __name__)
    assert inspect.iscoroutinefunction(async_view)
    assert not inspect.iscoroutinefunction(def_view)


def test_a_collection_passed_explicitly_wins() -> None:
    """A view called with a collection, by position or by name, uses that and no other."""
    own = BackgroundTasks()
    request = RequestFactory().get("/")
    def_view(request, own)
    keyword_only(request, tasks=own)
    assert [task.args[0] for task in own.tasks] == ["def task", "async task", "keyword-only"]
    request.close()
    assert drain(PATIENCE)
    assert ran == []


def test_a_function_without_the_parameter_is_refused() -> None:
    """The error names the function, its parameters and the annotation that is missing."""
    with pytest.raises(MissingParameterError) as caught:

        @with_background_tasks
        def plain(request: HttpRequest, number: int) -> HttpResponse:
            return HttpResponse()

    assert "plain(request, number)" in str(caught.value)
    assert "background_tasks: BackgroundTasks" in str(caught.value)


def test_a_parameter_without_its_annotation_is_named() -> None:
    """A parameter that only has the name is told what to add."""
    with pytest.raises(MissingParameterError, match="Annotate it: tasks: BackgroundTasks"):

        @with_background_tasks
        def plain(request: HttpRequest, tasks) -> HttpResponse:  # type: ignore[no-untyped-def]
            return HttpResponse()


def test_another_class_of_that_name_is_told_apart() -> None:
    """Starlette's class of the same name is another, and the error says so."""
    starlette = pytest.importorskip("starlette.background")

    def plain(request: HttpRequest, tasks: Any) -> HttpResponse:
        return HttpResponse()

    plain.__annotations__["tasks"] = starlette.BackgroundTasks
    with pytest.raises(MissingParameterError, match="starlette"):
        with_background_tasks(plain)


def test_the_response_of_a_view_is_its_own() -> None:
    """The decorator changes nothing about the response."""
    response = Client().get("/def")
    assert (response.status_code, response.content) == (200, b"def")
    assert drain(PATIENCE)
