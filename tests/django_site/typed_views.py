"""Views whose annotations are strings, the class imported for type checkers only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from bgtasks_adapters.django import with_background_tasks

from .notes import note

if TYPE_CHECKING:
    from decimal import Decimal

    import bgtasks_adapters
    from bgtasks_adapters import BackgroundTasks


@with_background_tasks
def by_name(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "by name")
    return HttpResponse()


@with_background_tasks
def by_module(request: HttpRequest, tasks: bgtasks_adapters.BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "by module")
    return HttpResponse()


@with_background_tasks
def optional(request: HttpRequest, tasks: BackgroundTasks | None = None) -> HttpResponse:
    assert tasks is not None
    tasks.add_task(note, "optional")
    return HttpResponse()


@with_background_tasks
def beside_unresolvable(
    request: HttpRequest, tasks: BackgroundTasks, price: Decimal | None = None
) -> HttpResponse:
    tasks.add_task(note, "beside an annotation that cannot be resolved")
    return HttpResponse()
