"""A bare ASGI callable: what a request costs without any framework, and without tasks."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable

from benchmarks.sites.asgi_pages import Pages


async def run_now(function: Callable[..., object], *args: object) -> None:
    done = function(*args)
    if isawaitable(done):
        await done


application = Pages(run_now)
