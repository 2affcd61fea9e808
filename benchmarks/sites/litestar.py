"""Litestar with its own background tasks."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.background_tasks import BackgroundTask, BackgroundTasks

from benchmarks.sites.tasks import Report, ms_of, runs, step, steps, work, work_async

AnyRequest = Request[Any, Any, Any]


@get("/none")
async def none() -> Response[bytes]:
    return Response(b"ok")


@get("/def")
async def queue_def(request: AnyRequest) -> Response[bytes]:
    task = BackgroundTask(work, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok", background=task)


@get("/async")
async def queue_async(request: AnyRequest) -> Response[bytes]:
    task = BackgroundTask(work_async, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok", background=task)


@get("/many")
async def many() -> Response[bytes]:
    tasks = [BackgroundTask(step, *number) for number in steps()]
    return Response(b"ok", background=BackgroundTasks(tasks))


@get("/ran")
async def ran() -> Report:
    return runs.report()


application = Litestar(
    [none, queue_def, queue_async, many, ran], openapi_config=None, logging_config=None
)
