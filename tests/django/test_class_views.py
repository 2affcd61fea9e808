"""The decorator on class-based views: on methods, on dispatch, and through method_decorator."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import django
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

from bgtasks_adapters import BackgroundTasks, MissingParameterError, add_task, drain
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.notes import note, ran

from .exchange import PATIENCE


class OnMethods(View):
    @with_background_tasks
    def get(self, request: HttpRequest, tasks: BackgroundTasks, number: int) -> HttpResponse:
        tasks.add_task(note, f"get {number}")
        return HttpResponse()

    @method_decorator(with_background_tasks)
    def post(self, request: HttpRequest, number: int, tasks: BackgroundTasks) -> HttpResponse:
        tasks.add_task(note, f"post {number}")
        return HttpResponse()

    @method_decorator([with_background_tasks])
    def put(self, request: HttpRequest, *, tasks: BackgroundTasks, number: int) -> HttpResponse:
        tasks.add_task(note, f"put {number}")
        return HttpResponse()


class OnAsyncMethods(View):
    @with_background_tasks
    async def get(self, request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
        tasks.add_task(note, "async get")
        return HttpResponse()


class OnDispatch(View):
    tasks: BackgroundTasks

    @with_background_tasks
    def dispatch(
        self, request: HttpRequest, *args: Any, tasks: BackgroundTasks, **kwargs: Any
    ) -> Any:
        self.tasks = tasks
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        self.tasks.add_task(note, "from get, with dispatch's")
        add_task(note, "from get, by itself")
        return HttpResponse()


@method_decorator(with_background_tasks, name="dispatch")
@method_decorator(with_background_tasks, name="get")
class OnClass(View):
    def dispatch(
        self, request: HttpRequest, *args: Any, tasks: BackgroundTasks, **kwargs: Any
    ) -> Any:
        tasks.add_task(note, "dispatch")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
        tasks.add_task(note, "get")
        return HttpResponse()


class FailingInDispatch(View):
    """Its inner view fails, and its outer one answers: that answer is the view's."""

    @with_background_tasks
    def dispatch(
        self, request: HttpRequest, *args: Any, tasks: BackgroundTasks, **kwargs: Any
    ) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        except LookupError:
            return HttpResponse(b"answered")

    @with_background_tasks
    def get(self, request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
        tasks.add_task(note, "get")
        raise LookupError


urlpatterns = [
    path("methods/<int:number>", OnMethods.as_view()),
    path("async-methods", OnAsyncMethods.as_view()),
    path("dispatch", OnDispatch.as_view()),
    path("class", OnClass.as_view()),
    path("failing-in-dispatch", FailingInDispatch.as_view()),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("alone")]


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def ran_after(url: str, method: str = "get") -> list[str]:
    """Return what ran behind one request."""
    response = getattr(Client(), method)(url)
    assert response.status_code == 200
    assert drain(PATIENCE)
    return ran


@pytest.mark.parametrize(
    ("url", "method", "expected"),
    [
        ("/methods/7", "get", ["get 7"]),
        ("/methods/7", "post", ["post 7"]),
        ("/methods/7", "put", ["put 7"]),
        ("/async-methods", "get", ["async get"]),
        ("/dispatch", "get", ["from get, with dispatch's", "from get, by itself"]),
        ("/class", "get", ["dispatch", "get"]),
    ],
)
def test_class_based_views(url: str, method: str, expected: list[str]) -> None:
    """Methods, an overridden dispatch, and method_decorator on methods and on the class."""
    assert ran_after(url, method) == expected


@pytest.mark.skipif(django.VERSION < (6, 0), reason="method_decorator takes async methods from 6.0")
@pytest.mark.anyio
async def test_method_decorator_on_async_methods() -> None:
    """An async method stays one under method_decorator."""

    class Decorated(View):
        @method_decorator(with_background_tasks)
        async def get(self, request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
            tasks.add_task(note, "async get")
            return HttpResponse()

    request = RequestFactory().get("/")
    response = await Decorated.as_view()(request)  # type: ignore[misc]
    assert response.status_code == 200
    request.close()
    assert await asyncio.to_thread(drain, PATIENCE)
    assert ran == ["async get"]


def test_only_the_outermost_decorated_function_is_the_view() -> None:
    """What dispatch returned counts, whatever it made of an error in get."""
    assert ran_after("/failing-in-dispatch") == ["get"]


def test_the_parameter_of_a_method_is_hidden() -> None:
    """Tools that read the signature of a method see it without the parameter."""
    assert list(inspect.signature(OnMethods.get).parameters) == ["self", "request", "number"]


def test_a_class_whose_method_lacks_the_parameter_is_refused() -> None:
    """method_decorator on a class without a dispatch of its own fails at the first request."""

    @method_decorator(with_background_tasks, name="dispatch")
    class Plain(View):
        pass

    with pytest.raises(MissingParameterError, match="dispatch"):
        Plain.as_view()(RequestFactory().get("/"))
