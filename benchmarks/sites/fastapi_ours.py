"""FastAPI with bgtasks_adapters."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from benchmarks.sites.pools import WORKERS
from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.fastapi import BackgroundTasksDep

application = FastAPI()
application.add_middleware(BackgroundTasksMiddleware, max_workers=WORKERS)


@application.get("/none")
async def none() -> Response:
    return Response(b"ok")


@application.get("/def")
async def queue_def(request: Request, background_tasks: BackgroundTasksDep) -> Response:
    background_tasks.add_task(work, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok")


@application.get("/async")
async def queue_async(request: Request, background_tasks: BackgroundTasksDep) -> Response:
    background_tasks.add_task(work_async, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok")


@application.get("/many")
async def many(background_tasks: BackgroundTasksDep) -> Response:
    for number in steps():
        background_tasks.add_task(step, *number)
    return Response(b"ok")


@application.get("/ran")
async def ran() -> Response:
    return JSONResponse(runs.report())
