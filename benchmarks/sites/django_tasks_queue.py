"""Django's tasks framework, for the sites that differ by their backend only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from benchmarks.sites.django_site import Queue
from benchmarks.sites.tasks import step, work


def enqueue() -> Queue:
    """Return what enqueues with the backend that the settings name; they must be there by now."""
    from django.tasks import task  # Django 6.0 and later

    tasks: dict[Callable[..., object], Any] = {work: task(work), step: task(step)}

    def queue(response: HttpResponse, function: Callable[..., object], *args: object) -> None:
        tasks[function].enqueue(*args)

    return queue
