"""Django under WSGI, by hand with the care that a task needs.

It sees the context variables, the language and the time zone of its request, and no database
connection is left open on the pool's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial

from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.http import HttpResponse
from django.utils import timezone, translation

from benchmarks.sites.django_site import configure, pages
from benchmarks.sites.pools import pool


def queue(response: HttpResponse, function: Callable[..., object], *args: object) -> None:
    context = copy_context()
    language, zone = translation.get_language(), timezone.get_current_timezone()
    closer = partial(pool.submit, context.run, _run, language, zone, function, *args)
    response._resource_closers.append(closer)  # type: ignore[attr-defined]


def _run(
    language: str | None, zone: object, function: Callable[..., object], *args: object
) -> None:
    close_old_connections()
    try:
        with translation.override(language), timezone.override(zone):  # type: ignore[arg-type]
            function(*args)
    finally:
        close_old_connections()


configure(__name__)
urlpatterns = pages(queue)
application = get_wsgi_application()
