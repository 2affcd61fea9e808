"""The pages as a Flask application."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, jsonify, request

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async

Queue = Callable[..., object]
"""Called with the response, a function and its arguments."""


def run_now(response: Response, function: Callable[..., object], *args: object) -> None:
    """Do without tasks: the work is done before the response."""
    function(*args)


def make(queue: Queue) -> Flask:
    app = Flask(__name__)

    @app.get("/none")
    def none() -> Response:
        return Response(b"ok")

    @app.get("/def")
    def queue_def() -> Response:
        response = Response(b"ok")
        queue(response, work, ms_of(request.environ["QUERY_STRING"]))
        return response

    @app.get("/async")
    def queue_async() -> Response:
        response = Response(b"ok")
        queue(response, work_async, ms_of(request.environ["QUERY_STRING"]))
        return response

    @app.get("/many")
    def many() -> Response:
        response = Response(b"ok")
        for number in steps():
            queue(response, step, *number)
        return response

    @app.get("/ran")
    def ran() -> Response:
        return jsonify(runs.report())

    return app
