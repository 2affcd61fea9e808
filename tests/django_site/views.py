"""Views that end in every way a view can end: each answers with the shape that its URL names.

Each adds one ``def`` and one ``async def`` task first. The plain views do so with ``add_task()``,
the decorated ones with their parameter.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.template import engines
from django.template.response import TemplateResponse

from bgtasks_adapters import BackgroundTasks, add_task, get_background_tasks
from bgtasks_adapters.django import with_background_tasks

from .models import Remark

BODY = b"a body that is long enough to be worth a compression: " * 10
FILE = Path(__file__)
PATIENCE = 10.0


class Meeting:
    """Where a view waits until a test lets it go on."""

    def __init__(self) -> None:
        self.view_started = threading.Event()
        self.go_on = threading.Event()

    def reset(self) -> None:
        self.view_started.clear()
        self.go_on.clear()

    def hold(self) -> None:
        self.view_started.set()
        assert self.go_on.wait(PATIENCE)


meeting = Meeting()


def def_task() -> None:
    """Do nothing, on a thread."""


async def async_task() -> None:
    """Do nothing, on a loop."""


class ViewError(Exception):
    """What a view of this site raises."""


Shape = Callable[[HttpRequest, BackgroundTasks], HttpResponseBase]


def complete(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return HttpResponse(BODY)


def returns_404(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return HttpResponse(BODY, status=404)


def returns_500(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return HttpResponse(BODY, status=500)


def empty(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return HttpResponse(status=204)


def redirect(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return HttpResponse(status=302, headers={"Location": "/"})


def returns_none(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return None  # type: ignore[return-value]


def raises_404(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    raise Http404


def raises_denied(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    raise PermissionDenied


def raises_suspicious(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    raise SuspiciousOperation


def raises(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    raise ViewError


def commit_fails(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    Remark.objects.create(note_id=404)
    return HttpResponse(BODY)


def render_fails(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    def fail() -> str:
        raise ViewError

    template = engines["django"].from_string("{{ fail }}")
    return TemplateResponse(request, template, {"fail": fail})


def rendered(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return TemplateResponse(request, engines["django"].from_string("rendered"))


def file(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return FileResponse(FILE.open("rb"))


def streamed(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return _streaming(request, lambda: None)


def stream_adds_to_parameter(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return _streaming(request, lambda: tasks.using(name="from the stream").add_task(def_task))


def stream_adds_by_itself(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponseBase:
    return _streaming(request, lambda: add_task(def_task))


def _streaming(request: HttpRequest, step: Callable[[], object]) -> HttpResponseBase:
    def pieces() -> Iterator[bytes]:
        yield b"first, "
        step()
        yield b"second"

    async def async_pieces() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    # Of the wrong kind Django reads a stream to its end before it sends anything, and warns.
    is_asgi = isinstance(request, ASGIRequest)
    return StreamingHttpResponse(async_pieces() if is_asgi else pieces())


SHAPES: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        complete,
        returns_404,
        returns_500,
        empty,
        redirect,
        returns_none,
        raises_404,
        raises_denied,
        raises_suspicious,
        raises,
        commit_fails,
        render_fails,
        rendered,
        file,
        streamed,
        stream_adds_to_parameter,
        stream_adds_by_itself,
    )
}


def _add_both(tasks: BackgroundTasks) -> None:
    tasks.add_task(def_task)
    tasks.add_task(async_task)


def def_view(request: HttpRequest, shape: str) -> HttpResponseBase:
    add_task(def_task)
    add_task(async_task)
    if shape == "waits":
        meeting.hold()
        return complete(request, get_background_tasks())
    return SHAPES[shape](request, get_background_tasks())


async def async_view(request: HttpRequest, shape: str) -> HttpResponseBase:
    add_task(def_task)
    add_task(async_task)
    if shape == "waits":
        meeting.view_started.set()
        await asyncio.Event().wait()
    return SHAPES[shape](request, get_background_tasks())


@with_background_tasks
def decorated_def_view(
    request: HttpRequest, shape: str, tasks: BackgroundTasks
) -> HttpResponseBase:
    _add_both(tasks)
    if shape == "waits":
        meeting.hold()
        return complete(request, tasks)
    return SHAPES[shape](request, tasks)


@with_background_tasks
async def decorated_async_view(
    request: HttpRequest, shape: str, tasks: BackgroundTasks
) -> HttpResponseBase:
    _add_both(tasks)
    if shape == "waits":
        meeting.view_started.set()
        await asyncio.Event().wait()
    return SHAPES[shape](request, tasks)
