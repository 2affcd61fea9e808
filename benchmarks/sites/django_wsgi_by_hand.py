"""Django under WSGI, with the least that one writes by hand: a closer hands the task to a pool."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

from benchmarks.sites.django_site import configure, pages
from benchmarks.sites.pools import pool


def queue(response: HttpResponse, function: Callable[..., object], *args: object) -> None:
    response._resource_closers.append(partial(pool.submit, function, *args))  # type: ignore[attr-defined]


configure(__name__)
urlpatterns = pages(queue)
application = get_wsgi_application()
