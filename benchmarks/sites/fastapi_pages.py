"""The pages as a FastAPI application whose views have FastAPI's ``BackgroundTasks`` injected."""

from __future__ import annotations

from fastapi import BackgroundTasks, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async


def add_pages(app: FastAPI) -> None:
    @app.get("/none")
    async def none() -> Response:
        return Response(b"ok")

    @app.get("/def")
    async def queue_def(request: Request, background_tasks: BackgroundTasks) -> Response:
        background_tasks.add_task(work, ms_of(request.scope["query_string"].decode()))
        return Response(b"ok")

    @app.get("/async")
    async def queue_async(request: Request, background_tasks: BackgroundTasks) -> Response:
        background_tasks.add_task(work_async, ms_of(request.scope["query_string"].decode()))
        return Response(b"ok")

    @app.get("/many")
    async def many(background_tasks: BackgroundTasks) -> Response:
        for number in steps():
            background_tasks.add_task(step, *number)
        return Response(b"ok")

    @app.get("/ran")
    async def ran() -> Response:
        return JSONResponse(runs.report())
