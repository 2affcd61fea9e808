"""The decorator below Django REST framework and Django Ninja, which look into views themselves."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import path

from bgtasks_adapters import BackgroundTasks, drain
from bgtasks_adapters.django import with_background_tasks

from .exchange import PATIENCE

ninja: Any = pytest.importorskip("ninja")
decorators: Any = pytest.importorskip("rest_framework.decorators")
exceptions: Any = pytest.importorskip("rest_framework.exceptions")
responses: Any = pytest.importorskip("rest_framework.response")
views: Any = pytest.importorskip("rest_framework.views")

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("alone")]

ran: list[str] = []


def note(text: str) -> None:
    ran.append(text)


api = ninja.NinjaAPI()


@api.get("/def/{number}")  # type: ignore[untyped-decorator]
@with_background_tasks
def ninja_def(request: HttpRequest, number: int, tasks: BackgroundTasks, word: str = "") -> str:
    tasks.add_task(note, f"{number} {word}")
    return "done"


@api.get("/async/{number}")  # type: ignore[untyped-decorator]
@with_background_tasks
async def ninja_async(request: HttpRequest, number: int, *, tasks: BackgroundTasks) -> str:
    tasks.add_task(note, f"{number}")
    return "done"


@decorators.api_view(["GET"])  # type: ignore[untyped-decorator]
@with_background_tasks
def drf_function(request: Any, number: int, tasks: BackgroundTasks) -> Any:
    tasks.add_task(note, f"{number}")
    return responses.Response("done")


class DrfClass(views.APIView):  # type: ignore[misc]
    @with_background_tasks
    def get(self, request: Any, number: int, tasks: BackgroundTasks) -> Any:
        tasks.add_task(note, f"{number}")
        if number == 0:
            raise exceptions.ValidationError("zero")
        return responses.Response("done")


urlpatterns = [
    path("ninja/", api.urls),
    path("function/<int:number>", drf_function),
    path("class/<int:number>", DrfClass.as_view()),
]


@pytest.fixture(autouse=True)
def nothing_ran(settings: Any) -> None:
    settings.REST_FRAMEWORK = {
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
    }
    ran.clear()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/ninja/def/7?word=seven", "7 seven"),
        ("/ninja/async/7", "7"),
        ("/function/7", "7"),
        ("/class/7", "7"),
    ],
)
def test_views_of_rest_frameworks(url: str, expected: str) -> None:
    """Function and class views of both frameworks get the parameter, and their tasks run."""
    response = Client().get(url)
    assert (response.status_code, response.json()) == (200, "done")
    assert drain(PATIENCE)
    assert ran == [expected]


def test_the_parameter_is_in_no_schema() -> None:
    """Ninja asks no client for the collection."""
    operation = api.get_openapi_schema()["paths"]["/ninja/def/{number}"]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["number", "word"]


def test_an_error_that_the_framework_answers_counts_as_raised() -> None:
    """A view that raises ValidationError did not return, although a response was made of it."""
    assert Client().get("/class/0").status_code == 400
    assert drain(PATIENCE)
    assert ran == []
