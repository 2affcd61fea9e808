"""An API of Django Ninja, made twice: its operations with the parameter, and the same without.

The annotations are strings, which Ninja has to resolve in this module, as in any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

from bgtasks_adapters import (
    BackgroundTasks,
    UnsafeArgumentError,
    add_task,
    get_background_tasks,
)
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.notes import note

pytest.importorskip("ninja")

from ninja import File, Form, NinjaAPI, Query, Router, Schema, Status, UploadedFile
from ninja.decorators import decorate_view
from ninja.errors import HttpError, ValidationError
from ninja.pagination import paginate
from ninja.security import HttpBearer


class Item(Schema):
    name: str
    price: float = 0.0


class Filters(Schema):
    limit: int = 10
    word: str | None = None


class Token(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        return token if token == "right" else None


def with_header(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    def wrapper(*args: Any, **kwargs: Any) -> HttpResponse:
        response = view(*args, **kwargs)
        response["X-Decorated"] = "yes"
        return response

    return wrapper


class Decorated:
    """Operations that get their collection by the parameter."""

    @staticmethod
    @with_background_tasks
    def read(request: HttpRequest, number: int, tasks: BackgroundTasks, word: str = "") -> Item:
        """Read an item."""
        tasks.add_task(note, f"read {number} {word}")
        return Item(name=word)

    @staticmethod
    @with_background_tasks
    async def aread(request: HttpRequest, number: int, *, tasks: BackgroundTasks) -> Item:
        tasks.add_task(note, f"aread {number}")
        return Item(name="async")

    @staticmethod
    @with_background_tasks
    def create(request: HttpRequest, tasks: BackgroundTasks, item: Item) -> Item:
        tasks.add_task(note, f"create {item.name}")
        return item

    @staticmethod
    @with_background_tasks
    def search(request: HttpRequest, filters: Query[Filters], tasks: BackgroundTasks) -> list[Item]:
        tasks.add_task(note, f"search {filters.word}")
        return []

    @staticmethod
    @with_background_tasks
    def fill_in(
        request: HttpRequest, tasks: BackgroundTasks, item: Form[Item], photo: File[UploadedFile]
    ) -> Item:
        tasks.add_task(note, f"fill in {item.name} {photo.read().decode()}")
        return item

    @staticmethod
    @with_background_tasks
    def pages(request: HttpRequest, tasks: BackgroundTasks) -> list[Item]:
        tasks.add_task(note, "pages")
        return [Item(name=str(number)) for number in range(5)]

    @staticmethod
    @with_background_tasks
    def secret(request: HttpRequest, tasks: BackgroundTasks) -> str:
        tasks.add_task(note, "secret")
        return "told"


class Plain:
    """The same operations, without the parameter."""

    @staticmethod
    def read(request: HttpRequest, number: int, word: str = "") -> Item:
        """Read an item."""
        add_task(note, f"read {number} {word}")
        return Item(name=word)

    @staticmethod
    async def aread(request: HttpRequest, number: int) -> Item:
        add_task(note, f"aread {number}")
        return Item(name="async")

    @staticmethod
    def create(request: HttpRequest, item: Item) -> Item:
        add_task(note, f"create {item.name}")
        return item

    @staticmethod
    def search(request: HttpRequest, filters: Query[Filters]) -> list[Item]:
        add_task(note, f"search {filters.word}")
        return []

    @staticmethod
    def fill_in(request: HttpRequest, item: Form[Item], photo: File[UploadedFile]) -> Item:
        add_task(note, f"fill in {item.name} {photo.read().decode()}")
        return item

    @staticmethod
    def pages(request: HttpRequest) -> list[Item]:
        add_task(note, "pages")
        return [Item(name=str(number)) for number in range(5)]

    @staticmethod
    def secret(request: HttpRequest) -> str:
        add_task(note, "secret")
        return "told"


def new_api(operations: Any, name: str) -> NinjaAPI:
    """Give an API of these operations, each in the way in which Ninja takes it."""
    api = NinjaAPI(urls_namespace=name)
    items = Router(tags=["items"])
    api.get("/read/{number}", response=Item)(operations.read)
    api.get("/aread/{number}")(operations.aread)
    items.post("/create", response={200: Item, 400: str})(operations.create)
    items.get("/search", response=list[Item])(operations.search)
    items.post("/fill-in")(operations.fill_in)
    items.get("/pages", response=list[Item])(paginate(operations.pages))
    items.get("/secret", auth=Token())(decorate_view(with_header)(operations.secret))
    api.add_router("/items", items)
    return api


decorated = new_api(Decorated, "decorated")
plain = new_api(Plain, "plain")


# Operations that end in every way; the fates of their tasks are looked at.


def returns(request: HttpRequest) -> Any:
    return "done"


def returns_400(request: HttpRequest) -> Any:
    return Status(400, "bad")


def raises_http_error(request: HttpRequest) -> Any:
    raise HttpError(400, "bad")


def raises_invalid(request: HttpRequest) -> Any:
    raise ValidationError([{"loc": ["somewhere"]}])


def raises_own(request: HttpRequest) -> Any:
    raise OwnError


def raises_unhandled(request: HttpRequest) -> Any:
    raise LookupError


RAISING = (raises_http_error, raises_invalid, raises_own, raises_unhandled)
SHAPES = {shape.__name__: shape for shape in (returns, returns_400, *RAISING)}


class OwnError(Exception):
    """One for which the API has a handler, which answers with 200."""


ending = NinjaAPI(urls_namespace="ending")


@ending.exception_handler(OwnError)
def answer_200(request: HttpRequest, error: Any) -> HttpResponse:
    return ending.create_response(request, {"code": "own"}, status=200)


@ending.get("/plain/{shape}", response={200: str, 400: str})
def end_plain(request: HttpRequest, shape: str) -> Any:
    get_background_tasks().using(name="view").add_task(note, shape)
    return SHAPES[shape](request)


@ending.get("/async-plain/{shape}", response={200: str, 400: str})
async def end_async_plain(request: HttpRequest, shape: str) -> Any:
    get_background_tasks().using(name="view").add_task(note, shape)
    return SHAPES[shape](request)


@ending.get("/decorated/{shape}", response={200: str, 400: str})
@with_background_tasks
def end_decorated(request: HttpRequest, shape: str, tasks: BackgroundTasks) -> Any:
    tasks.using(name="view").add_task(note, shape)
    return SHAPES[shape](request)


@ending.get("/async-decorated/{shape}", response={200: str, 400: str})
@with_background_tasks
async def end_async_decorated(request: HttpRequest, shape: str, tasks: BackgroundTasks) -> Any:
    tasks.using(name="view").add_task(note, shape)
    return SHAPES[shape](request)


@ending.post("/upload")
def upload(request: HttpRequest, photo: File[UploadedFile]) -> str:
    """Pass the file itself to a task; answer with what is said to that."""
    try:
        get_background_tasks().add_task(print, photo)
    except UnsafeArgumentError as error:
        return str(error)
    return "accepted"


urlpatterns = [
    path("decorated/", decorated.urls),
    path("plain/", plain.urls),
    path("ending/", ending.urls),
]
