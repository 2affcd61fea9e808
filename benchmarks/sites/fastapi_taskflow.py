"""FastAPI with fastapi-taskflow, by injection and without its optional queues and journal."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi_taskflow import ManagedBackgroundTasks, TaskAdmin, TaskManager

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async

manager = TaskManager()
Tasks = Annotated[ManagedBackgroundTasks, Depends(manager.get_tasks)]
application = FastAPI()
TaskAdmin(application, manager)


@application.get("/none")
async def none() -> Response:
    return Response(b"ok")


@application.get("/def")
async def queue_def(request: Request, background_tasks: Tasks) -> Response:
    background_tasks.add_task(work, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok")


@application.get("/async")
async def queue_async(request: Request, background_tasks: Tasks) -> Response:
    background_tasks.add_task(work_async, ms_of(request.scope["query_string"].decode()))
    return Response(b"ok")


@application.get("/many")
async def many(background_tasks: Tasks) -> Response:
    for number in steps():
        background_tasks.add_task(step, *number)
    return Response(b"ok")


@application.get("/ran")
async def ran() -> Response:
    return JSONResponse(runs.report())
