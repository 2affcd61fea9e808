"""What may be passed to add_task() in a Django view: samples for the rows of docs/arguments.md."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from functools import partial
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, connections, models
from django.db.models.fields.files import FieldFile
from django.db.models.query import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import RequestContext

from tests.django_site.models import Note

rest_request: Any = pytest.importorskip("rest_framework.request")


def ignore(*args: object, **kwargs: object) -> None:
    pass


class UploadForm(forms.Form):
    word = forms.CharField()
    photo = forms.FileField(required=False)


def used(request: HttpRequest) -> Any:
    assert request.user.pk is not None
    return request.user


def used_by_nobody(request: HttpRequest) -> Any:
    request.session.flush()
    assert isinstance(request.user, AnonymousUser)
    assert request.user.pk is None
    return request.user


def note(text: str = "saved") -> Note:
    return Note.objects.create(text=text)


def deleted() -> Note:
    gone = note()
    gone.delete()
    return gone


def evaluated(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    note()
    assert len(rows) > 0
    return rows


def form(request: HttpRequest, files: Any) -> UploadForm:
    bound = UploadForm(request.POST, files)
    assert bound.is_valid()
    return bound


def started(generator: Iterator[object]) -> Iterator[object]:
    next(generator)
    return generator


async def numbers() -> AsyncIterator[int]:
    yield 1


def of_saved_file() -> FieldFile:
    field = models.FileField(name="photo")
    field.attname = "photo"
    return FieldFile(Note(), field, "photo.png")  # type: ignore[no-untyped-call,unused-ignore]


Given = tuple[Callable[..., object], tuple[Any, ...]]
"""A function to add, and its arguments."""


def given(make: Callable[[HttpRequest], object]) -> Callable[[HttpRequest], Given]:
    return lambda request: (ignore, (make(request),))


def method(make: Callable[[HttpRequest], Callable[..., object]]) -> Callable[[HttpRequest], Given]:
    return lambda request: (make(request), ())


SAMPLES: dict[str, list[Callable[[HttpRequest], Given]]] = {
    "Numbers, strings, dates, dicts and lists of them": [
        lambda request: (ignore, (1, "two", 3.0, b"four", None, date.today())),
        given(lambda request: {"a": [1, 2], "b": {"c": "d"}}),
        given(lambda request: [date.today()]),
    ],
    "`request`": [
        given(lambda request: request),
        given(lambda request: [request]),
        method(lambda request: request.build_absolute_uri),
    ],
    "DRF's `Request`": [given(rest_request.Request)],
    "A `RequestContext`": [given(lambda request: RequestContext(request, {}))],
    "`request.read`, as the function": [
        method(lambda request: request.read),
        method(lambda request: partial(request.readline, 10)),
    ],
    "`request.session`": [given(lambda request: request.session)],
    "`request.user` that nothing has used yet": [
        given(lambda request: request.user),
        given(lambda request: {"user": request.user}),
        method(lambda request: partial(ignore, request.user)),
    ],
    "`request.user` of nobody, already used": [given(used_by_nobody)],
    "`request.user`, already used": [given(used)],
    "A model instance": [given(lambda request: note())],
    "A list of model instances": [given(lambda request: [note(), note()])],
    "`order.save`, as the function": [method(lambda request: note().save)],
    "`user.email_user`, as the function": [
        lambda request: (used(request).email_user, ("Hello", "Ada")),
    ],
    "`order.delete`, as the function": [
        method(lambda request: note().delete),
        method(lambda request: note().adelete),
    ],
    "A model instance that is not saved": [
        given(lambda request: Note(text="unsaved")),
        given(lambda request: Note(pk=7, text="unsaved")),
    ],
    "A model instance that was deleted": [given(lambda request: deleted())],
    "`unsaved.save`, as the function": [
        method(lambda request: Note(text="unsaved").save),
        method(lambda request: Note(text="unsaved").asave),
    ],
    "`Order.objects.bulk_create`, as the function": [
        lambda request: (Note.objects.bulk_create, ([Note(text="a"), Note(text="b")],)),
        lambda request: (Note.objects.all().abulk_create, ([Note(text="a")],)),
        method(lambda request: partial(Note.objects.bulk_create, [Note(text="a")])),
    ],
    "A queryset, not evaluated": [
        given(lambda request: Note.objects.filter(text="a")),
        given(lambda request: Note.objects.values("text")),
        given(lambda request: Note.objects.raw("SELECT * FROM django_site_note")),
    ],
    "A queryset, evaluated to instances": [given(lambda request: evaluated(Note.objects.all()))],
    "A queryset, evaluated to values": [
        given(lambda request: evaluated(Note.objects.values_list("text", flat=True))),
    ],
    "`orders.update`, as the function": [
        lambda request: (partial(Note.objects.filter(text="a").update, text="b"), ()),
    ],
    "`Order`, `Order.objects`": [
        given(lambda request: Note),
        given(lambda request: Note.objects),
        given(lambda request: User.groups),
    ],
    "An uploaded file, `request.FILES`": [
        given(lambda request: request.FILES["photo"]),
        given(lambda request: request.FILES),
    ],
    "`cleaned_data` with an uploaded file": [
        given(lambda request: form(request, request.FILES).cleaned_data),
    ],
    "A form with an uploaded file": [given(lambda request: form(request, request.FILES))],
    "A form": [given(lambda request: form(request, None)), given(lambda request: UploadForm())],
    "The file of a saved row (`FieldFile`)": [given(lambda request: of_saved_file())],
    "A response": [
        given(lambda request: HttpResponse()),
        given(lambda request: StreamingHttpResponse(())),
    ],
    "A cursor": [given(lambda request: connection.cursor())],
    '`connections["default"]`': [
        given(lambda request: connections["default"]),
        method(lambda request: connections["default"].cursor),
        method(lambda request: connection.cursor),
    ],
    "`django.db.connection`, `connections`": [
        given(lambda request: connection),
        given(lambda request: connections),
    ],
    "A generator, started or not": [
        given(lambda request: (number for number in (1, 2))),
        given(lambda request: started(number for number in (1, 2))),
    ],
    "`queryset.iterator()`": [given(lambda request: Note.objects.iterator())],
    "An async generator": [
        given(lambda request: numbers()),
        given(lambda request: aiter(Note.objects.all())),
    ],
    "A coroutine object": [],
    "A coroutine object, as the function": [],
    "A generator function, as the function": [],
    "An open file": [],
    "`io.BytesIO`, `sys.stderr`": [given(lambda request: io.BytesIO(b"data"))],
}
"""For each row of the page; those without a sample are tried in tests/test_arguments.py."""
