"""Django under ASGI, with the least that one writes by hand.

A closer hands ``def`` tasks to a pool and starts coroutines on the loop, where a set keeps them, as
the documentation of ``asyncio.create_task`` asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from django.core.asgi import get_asgi_application
from django.http import HttpResponse

from benchmarks.sites.django_site import async_pages, configure
from benchmarks.sites.pools import pool

started: set[asyncio.Task[object]] = set()


def queue(response: HttpResponse, function: Callable[..., object], *args: object) -> None:
    if iscoroutinefunction(function):
        # Django closes a response on another thread than the loop's.
        call = asyncio.get_running_loop().call_soon_threadsafe
        closer: Callable[[], object] = partial(call, start, function, *args)
    else:
        closer = partial(pool.submit, function, *args)
    response._resource_closers.append(closer)  # type: ignore[attr-defined]


def start(function: Callable[..., Coroutine[Any, Any, object]], *args: object) -> None:
    task = asyncio.create_task(function(*args))
    started.add(task)
    task.add_done_callback(started.discard)


configure(__name__)
urlpatterns = async_pages(queue)
application = get_asgi_application()
