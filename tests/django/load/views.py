"""Views that read, tasks that write, and a note of which thread opened which connection."""

from __future__ import annotations

import os
import threading
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.urls import path

from bgtasks_adapters import add_task
from tests.django_site.models import Note

_load: dict[str, Any] = settings.LOAD  # type: ignore[misc]
_notes = os.open(_load["notes"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _note(connection: Any, **kwargs: Any) -> None:
    """Write down the server's id of a new connection, and whose it is."""
    number = 0
    if connection.vendor == "postgresql":
        number = connection.connection.info.backend_pid
    elif connection.vendor == "mysql":
        number = connection.connection.thread_id()
    thread = threading.current_thread()
    os.write(_notes, f"{os.getpid()} {number} {thread.name}-{thread.ident}\n".encode())


connection_created.connect(_note)


def write(number: int) -> None:
    with transaction.atomic():
        Note.objects.create(text=f"def {number}")


async def write_async(number: int) -> None:
    await Note.objects.acreate(text=f"async {number}")


def view(request: HttpRequest, number: int) -> HttpResponse:
    if _load["do_views_read"]:
        Note.objects.filter(pk=number).exists()
    add_task(write, number)
    add_task(write_async, number)
    return HttpResponse("saved")


async def async_view(request: HttpRequest, number: int) -> HttpResponse:
    if _load["do_views_read"]:
        await Note.objects.filter(pk=number).aexists()
    add_task(write, number)
    add_task(write_async, number)
    return HttpResponse("saved")


urlpatterns = [path("wsgi/<int:number>", view), path("asgi/<int:number>", async_view)]
