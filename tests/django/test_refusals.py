"""What add_task() refuses in a Django view, because Django will close it, and what it advises."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import (
    InMemoryUploadedFile,
    SimpleUploadedFile,
    TemporaryUploadedFile,
    UploadedFile,
)
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import path

from bgtasks_adapters import UnsafeArgumentError, add_task, drain, get_background_tasks

from .exchange import PATIENCE

stored: list[object] = []
refused: list[str] = []
Queue = Callable[[HttpRequest], object]
queues: list[Queue] = []


def store(*args: object, **kwargs: object) -> None:
    stored.append((args, kwargs))


async def store_async(*args: object) -> None:
    stored.append(args)


def view(request: HttpRequest) -> HttpResponse:
    try:
        queues[-1](request)
    except UnsafeArgumentError as error:
        refused.append(str(error))
    assert len(get_background_tasks().tasks) == (0 if refused else 1)
    return HttpResponse()


urlpatterns = [path("", view)]

pytestmark = pytest.mark.urls(__name__)

SIZES = {"in memory": 10, "on disk": 3 * 2**20}


@pytest.fixture(autouse=True)
def nothing_stored() -> Iterator[None]:
    stored.clear()
    refused.clear()
    yield
    queues.clear()


def post(queue: Queue, size: int = 10) -> None:
    queues.append(queue)
    upload = io.BytesIO(b"x" * size)
    upload.name = "photo.png"
    Client().post("/", {"photo": upload, "word": "hello"})
    assert drain(PATIENCE)


def photo(request: HttpRequest) -> Any:
    return request.FILES["photo"]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    "queue",
    [
        lambda request: add_task(store, photo(request)),
        lambda request: add_task(store_async, photo(request)),
        lambda request: add_task(store, upload=photo(request)),
        lambda request: add_task(store, [photo(request)]),
        lambda request: add_task(store, (1, photo(request))),
        lambda request: add_task(store, {"photo": photo(request)}),
        lambda request: add_task(store, request.FILES),
        lambda request: add_task(store, request.FILES.getlist("photo")),
        lambda request: add_task(store, form={"photo": photo(request), "word": "hello"}),
        lambda request: add_task(photo(request).open),
        lambda request: add_task(photo(request).multiple_chunks, 10),
        lambda request: add_task(partial(store, photo(request))),
    ],
    ids=[
        "argument",
        "argument of an async task",
        "keyword",
        "in a list",
        "in a tuple",
        "in a dict",
        "request.FILES",
        "a list of request.FILES",
        "cleaned_data",
        "its method",
        "another method",
        "in a partial",
    ],
)
def test_an_uploaded_file_is_refused(queue: Queue, size: int) -> None:
    """Wherever it stands, whatever its size; the message has its name and how to copy it."""
    post(queue, size)
    assert len(refused) == 1
    assert "'photo.png'" in refused[0]
    assert "upload.read()" in refused[0]
    assert "default_storage.save(upload.name, upload)" in refused[0]
    assert stored == []


@pytest.mark.parametrize(
    "upload",
    [
        SimpleUploadedFile("photo.png", b"x"),
        InMemoryUploadedFile(io.BytesIO(b"x"), "photo", "photo.png", "image/png", 1, None),
        TemporaryUploadedFile("photo.png", "image/png", 1, None),
    ],
    ids=lambda upload: type(upload).__name__,
)
def test_every_class_of_uploaded_files(upload: UploadedFile) -> None:
    """What upload handlers make is refused, whichever handler made it."""
    post(lambda request: add_task(store, upload))
    upload.close()
    assert len(refused) == 1


@pytest.mark.parametrize(
    "queue",
    [
        lambda request: add_task(request.read),
        lambda request: add_task(request.readline),
        lambda request: add_task(partial(request.read, 10)),
        lambda request: add_task(store, request._stream),
    ],
    ids=["read", "readline", "a partial of read", "the stream"],
)
def test_the_requests_stream_is_refused(queue: Queue) -> None:
    """A body that is still to be read is gone with the response; the message says request.body."""
    post(queue)
    assert len(refused) == 1
    assert "data = request.body" in refused[0]


@pytest.mark.parametrize(
    "queue",
    [
        lambda request: add_task(store, photo(request).read()),
        lambda request: add_task(store, ContentFile(photo(request).read(), "photo.png")),
        lambda request: add_task(store, photo(request).name, photo(request).size),
        lambda request: add_task(store, request.POST),
        lambda request: add_task(store, request.headers),
        lambda request: add_task(store, request.META["PATH_INFO"]),
    ],
    ids=["bytes", "ContentFile", "name and size", "POST", "headers", "META"],
)
def test_copies_and_plain_values_are_welcome(queue: Queue) -> None:
    """What does not end with the response may be passed."""
    post(queue)
    assert refused == []
    assert len(stored) == 1


@pytest.mark.parametrize("factory", [RequestFactory(), AsyncRequestFactory()])
def test_what_was_read_before_can_be_passed(factory: Any) -> None:
    """A task that gets request.body as bytes needs no stream."""
    request = factory.post("/", b"data", content_type="text/plain")
    body = request.body
    queues.append(lambda request: add_task(store, body))
    Client().get("/")
    assert drain(PATIENCE)
    assert stored == [((b"data",), {})]
