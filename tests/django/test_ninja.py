"""Django Ninja: operations with the parameter, their schema, and which of them count as raised."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.test import Client, TestCase

from bgtasks_adapters import (
    BackgroundTasks,
    MissingParameterError,
    NoActiveResponseError,
    drain,
)
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.models import Note
from tests.django_site.notes import note, ran

from .exchange import PATIENCE, ask_asgi, ask_wsgi
from .installations import INSTALLATIONS, Installation, Interface, installed
from .recorder import Fate, Recorder

pytest.importorskip("ninja")

from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.pagination import paginate
from ninja.testing import TestAsyncClient as NinjaAsyncClient
from ninja.testing import TestClient as NinjaClient

from . import ninja_site

pytestmark = pytest.mark.urls(ninja_site.__name__)

INTERFACES: tuple[Interface, ...] = ("wsgi", "asgi")
WITH_AMBIENT = [each for each in INSTALLATIONS if each != "decorator"]


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def fates_after(url: str, installation: Installation, interface: Interface) -> list[Fate]:
    recorder = Recorder()
    ask: Any = ask_asgi if interface == "asgi" else ask_wsgi
    with installed(installation, interface, OBSERVERS=[recorder]) as app:
        ask(app, url)
        assert drain(PATIENCE)
    return recorder.fates


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", INSTALLATIONS)
@pytest.mark.parametrize("way", ["decorated", "async-decorated"])
@pytest.mark.parametrize("shape", ninja_site.SHAPES)
def test_what_counts_as_raised_by_a_decorated_operation(
    shape: str, way: str, installation: Installation, interface: Interface
) -> None:
    """The decorator sees the operation itself: what it raises is raised, whatever Ninja answers."""
    (fate,) = fates_after(f"/ending/{way}/{shape}", installation, interface)
    has_raised = ninja_site.SHAPES[shape] in ninja_site.RAISING
    assert (fate.kind, fate.returned) == (("skipped", False) if has_raised else ("succeeded", True))
    assert has_raised == (fate.reason is not None and fate.reason.startswith("the view raised "))


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", WITH_AMBIENT)
@pytest.mark.parametrize("way", ["plain", "async-plain"])
@pytest.mark.parametrize("shape", ninja_site.SHAPES)
def test_what_counts_as_raised_where_only_the_status_tells(
    shape: str, way: str, installation: Installation, interface: Interface
) -> None:
    """Of an operation without the decorator only the response is seen: from 400 on it raised."""
    (fate,) = fates_after(f"/ending/{way}/{shape}", installation, interface)
    is_answered_as_success = shape in ("returns", "raises_own")
    assert fate.kind == ("succeeded" if is_answered_as_success else "skipped")


def test_the_schema_is_the_same_without_the_parameter() -> None:
    """The whole OpenAPI schema, of every kind of parameter and of both kinds of function."""

    def schema(api: NinjaAPI) -> dict[str, Any]:
        return api.get_openapi_schema(path_prefix="")

    assert schema(ninja_site.decorated) == schema(ninja_site.plain)
    read = schema(ninja_site.decorated)["paths"]["/read/{number}"]["get"]
    assert [parameter["name"] for parameter in read["parameters"]] == ["number", "word"]


@pytest.mark.parametrize("api", ["decorated", "plain"])
def test_every_kind_of_parameter(api: str) -> None:
    """Path, query, body, form and file parameters, pages, auth: with the parameter and without."""
    client = Client()
    bearer = {"Authorization": "Bearer right"}
    photo = SimpleUploadedFile("a.txt", b"photo")
    responses = [
        client.get(f"/{api}/read/7?word=seven"),
        client.get(f"/{api}/aread/7"),
        client.post(f"/{api}/items/create", {"name": "new"}, content_type="application/json"),
        client.get(f"/{api}/items/search?word=find"),
        client.post(f"/{api}/items/fill-in", {"name": "form", "photo": photo}),
        client.get(f"/{api}/items/pages?limit=2"),
        client.get(f"/{api}/items/secret", headers=bearer),
    ]
    assert [response.status_code for response in responses] == [200] * 7
    assert responses[0].json() == {"name": "seven", "price": 0.0}
    assert len(responses[5].json()["items"]) == 2
    assert responses[6]["X-Decorated"] == "yes"
    assert drain(PATIENCE)
    assert sorted(ran) == sorted(
        [
            "read 7 seven",
            "aread 7",
            "create new",
            "search find",
            "fill in form photo",
            "pages",
            "secret",
        ]
    )


@pytest.mark.parametrize("api", ["decorated", "plain"])
def test_what_ninja_refuses_itself(api: str) -> None:
    """A request that auth or validation refuses never comes to the operation."""
    client = Client()
    assert client.get(f"/{api}/items/secret").status_code == 401
    assert client.get(f"/{api}/read/seven").status_code == 422
    assert client.post(f"/{api}/read/7").status_code == 405
    assert drain(PATIENCE)
    assert ran == []


def test_either_order_with_paginate() -> None:
    """The decorator works above ``@paginate`` as well as below it."""
    api = NinjaAPI(urls_namespace="order")

    def pages(request: HttpRequest, tasks: BackgroundTasks) -> list[int]:
        tasks.add_task(note, "pages")
        return [1, 2, 3]

    api.get("/above", response=list[int])(with_background_tasks(paginate(pages)))
    api.get("/below", response=list[int])(paginate(with_background_tasks(pages)))
    client = NinjaClient(api)
    for order in ("above", "below"):
        assert client.get(f"/{order}?limit=1").json() == {"items": [1], "count": 3}
    parameters = [
        [parameter["name"] for parameter in path["get"]["parameters"]]
        for path in api.get_openapi_schema(path_prefix="")["paths"].values()
    ]
    assert parameters == [["limit", "offset"]] * 2
    assert drain(PATIENCE)
    assert ran == ["pages"] * 2


def test_orders_that_cannot_work_fail_at_import() -> None:
    """Above ``@api.get``, or as a decorator of the whole view, the decorator is refused at once."""
    api = NinjaAPI(urls_namespace="wrong order")

    def view(request: HttpRequest, tasks: BackgroundTasks) -> str:
        return "never"

    def bare(request: HttpRequest) -> str:
        return "never"

    with pytest.raises(Exception, match=r"bgtasks_adapters\.tasks\.BackgroundTasks"):
        with_background_tasks(api.get("/above")(view))
    with pytest.raises(MissingParameterError):
        api.get("/view")(decorate_view(with_background_tasks)(bare))


def test_an_uploaded_file_is_refused() -> None:
    """Ninja's own class of uploaded files is one of Django's."""
    photo = SimpleUploadedFile("a.txt", b"photo")
    response = Client().post("/ending/upload", {"photo": photo})
    assert response.status_code == 200
    assert "the uploaded file 'a.txt'" in response.json()
    assert drain(PATIENCE)
    assert ran == []


# Ninja's own test client calls the operation without Django's handler, and closes nothing.


@pytest.mark.usefixtures("alone")
def test_the_test_client_of_ninja() -> None:
    """Nobody can close its requests, so the tasks of an operation start when it has ended."""
    client = NinjaClient(ninja_site.decorated)
    assert client.get("/read/7?word=x").status_code == 200
    assert drain(PATIENCE)
    assert ran == ["read 7 x"]


@pytest.mark.usefixtures("alone")
def test_the_test_client_of_ninja_behind_an_error() -> None:
    """There, too, an operation that raised does not run its tasks."""
    client = NinjaClient(ninja_site.ending)
    assert client.get("/decorated/raises_http_error").status_code == 400
    assert client.get("/decorated/returns_400").status_code == 400
    assert drain(PATIENCE)
    assert ran == ["returns_400"]


@pytest.mark.usefixtures("alone")
def test_the_async_test_client_of_ninja() -> None:
    """The same for ``async def`` operations."""

    async def ask() -> None:
        response = await NinjaAsyncClient(ninja_site.decorated).get("/aread/7")
        assert response.status_code == 200
        assert await asyncio.to_thread(drain, PATIENCE)

    asyncio.run(ask())
    assert ran == ["aread 7"]


@pytest.mark.usefixtures("alone")
def test_the_test_client_of_ninja_without_the_decorator() -> None:
    """It goes past every middleware, so ``add_task()`` says that there is no response."""
    with pytest.raises(NoActiveResponseError):
        NinjaClient(ninja_site.plain).get("/read/7")


class InTestCase(TestCase):
    """Ninja's client in a ``TestCase``: tasks have run when it returns, in its transaction."""

    def test_tasks_run_inline(self) -> None:
        api = NinjaAPI(urls_namespace="testcase")

        @api.get("/")
        @with_background_tasks
        def view(request: HttpRequest, tasks: BackgroundTasks) -> str:
            tasks.add_task(Note.objects.create, text="inline")
            return "done"

        NinjaClient(api).get("/")
        assert Note.objects.count() == 1


@pytest.mark.usefixtures("production", "alone")
def test_a_request_made_by_hand_outside_of_tests() -> None:
    """A view called with a bare ``HttpRequest``, in a command for one, runs its tasks."""

    @with_background_tasks
    def view(request: HttpRequest, tasks: BackgroundTasks) -> None:
        tasks.add_task(note, "by hand")

    view(HttpRequest())
    assert drain(PATIENCE)
    assert ran == ["by hand"]
