"""The pages as routes of Starlette, for the sites that queue by a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.sites.tasks import ms_of, runs, steps, work, work_async

Queue = Callable[..., Awaitable[object]]
"""Awaited with the request, a function and its arguments."""


def routes(queue: Queue, many_step: Callable[..., object]) -> Sequence[Route]:
    """Return the routes; ``many_step`` is the function of ``/many``."""

    async def none(request: Request) -> Response:
        return Response(b"ok")

    async def queue_def(request: Request) -> Response:
        await queue(request, work, ms_of(request.scope["query_string"].decode()))
        return Response(b"ok")

    async def queue_async(request: Request) -> Response:
        await queue(request, work_async, ms_of(request.scope["query_string"].decode()))
        return Response(b"ok")

    async def many(request: Request) -> Response:
        for number in steps():
            await queue(request, many_step, *number)
        return Response(b"ok")

    async def ran(request: Request) -> Response:
        return JSONResponse(runs.report())

    return [
        Route("/none", none),
        Route("/def", queue_def),
        Route("/async", queue_async),
        Route("/many", many),
        Route("/ran", ran),
    ]
