"""Starlette with its own background tasks."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async


async def none(request: Request) -> Response:
    return Response(b"ok")


async def queue_def(request: Request) -> Response:
    task = BackgroundTask(work, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok", background=task)


async def queue_async(request: Request) -> Response:
    task = BackgroundTask(work_async, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok", background=task)


async def many(request: Request) -> Response:
    tasks = BackgroundTasks()
    for number in steps():
        tasks.add_task(step, *number)
    return Response(b"ok", background=tasks)


async def ran(request: Request) -> Response:
    return JSONResponse(runs.report())


application = Starlette(
    routes=[
        Route("/none", none),
        Route("/def", queue_def),
        Route("/async", queue_async),
        Route("/many", many),
        Route("/ran", ran),
    ]
)
