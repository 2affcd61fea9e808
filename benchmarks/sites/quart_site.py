"""The pages as a Quart application."""

from __future__ import annotations

from collections.abc import Callable

from quart import Quart, Response, jsonify, request

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async

Queue = Callable[..., object]
"""Called with the application, a function and its arguments."""


def make(queue: Queue) -> Quart:
    app = Quart(__name__)

    @app.get("/none")
    async def none() -> Response:
        return Response(b"ok")

    @app.get("/def")
    async def queue_def() -> Response:
        queue(app, work, ms_of(request.query_string.decode()))
        return Response(b"ok")

    @app.get("/async")
    async def queue_async() -> Response:
        queue(app, work_async, ms_of(request.query_string.decode()))
        return Response(b"ok")

    @app.get("/many")
    async def many() -> Response:
        for number in steps():
            queue(app, step, *number)
        return Response(b"ok")

    @app.get("/ran")
    async def ran() -> Response:
        return jsonify(runs.report())

    return app
