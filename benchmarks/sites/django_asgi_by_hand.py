"""Django under ASGI, with the least that one writes by hand.

A closer hands ``def`` tasks to a pool. Coroutines are started in the view, before the response,
and kept in a set, as the documentation of ``asyncio.create_task`` asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction

from django.core.asgi import get_asgi_application
from django.http import HttpResponse

from benchmarks.sites.django_site import async_pages, configure
from benchmarks.sites.pools import pool

started: set[asyncio.Task[object]] = set()


def queue(response: HttpResponse, function: Callable[..., object], *args: object) -> None:
    if iscoroutinefunction(function):
        task = asyncio.create_task(function(*args))
        started.add(task)
        task.add_done_callback(started.discard)
    else:
        response._resource_closers.append(partial(pool.submit, function, *args))  # type: ignore[attr-defined]


configure(__name__)
urlpatterns = async_pages(queue)
application = get_asgi_application()
