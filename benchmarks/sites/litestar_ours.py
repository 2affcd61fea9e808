"""Litestar with bgtasks_adapters."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response, get

from benchmarks.sites.pools import WORKERS
from benchmarks.sites.tasks import Report, ms_of, runs, step, steps, work, work_async
from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware

AnyRequest = Request[Any, Any, Any]


@get("/none")
async def none() -> Response[bytes]:
    return Response(b"ok")


@get("/def")
async def queue_def(request: AnyRequest) -> Response[bytes]:
    add_task(work, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok")


@get("/async")
async def queue_async(request: AnyRequest) -> Response[bytes]:
    add_task(work_async, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok")


@get("/many")
async def many() -> Response[bytes]:
    for number in steps():
        add_task(step, *number)
    return Response(b"ok")


@get("/ran")
async def ran() -> Report:
    return runs.report()


application = BackgroundTasksMiddleware(
    Litestar([none, queue_def, queue_async, many, ran], openapi_config=None, logging_config=None),
    max_workers=WORKERS,
)
