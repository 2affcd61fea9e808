"""The FastAPI adapter: a response's tasks as a dependency, and a view's fate seen from there.

The ASGI middleware makes the response's collection and runs it. The dependency hands it to whoever
asks, path operations and other dependencies, and tells how the path operation ended: FastAPI
throws what that raised, ``HTTPException`` too, into each dependency before it answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from fastapi.requests import HTTPConnection
from starlette.datastructures import UploadFile

from bgtasks_adapters.arguments import ArgumentRules, Finding, Rule
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.exceptions import NoActiveResponseError
from bgtasks_adapters.tasks import BackgroundTasks

if TYPE_CHECKING:
    from bgtasks_adapters.tasks import BackgroundTask

__all__ = ["BackgroundTasksDep"]


def _rule_of(kind: type[Any]) -> Rule | None:
    return _judge_upload if issubclass(kind, UploadFile) else None


def _judge_upload(task: BackgroundTask, value: UploadFile) -> Finding:
    return Finding(
        f"the uploaded file {value.filename!r}",
        "FastAPI closes when the response ends: before the task runs",
        "Copy it in the path operation, data = await upload.read(), and pass the copy",
    )


_rules = ArgumentRules(_rule_of)


async def _background_tasks(connection: HTTPConnection) -> AsyncIterator[BackgroundTasks]:
    scope: ResponseScope | None = connection.scope.get(SCOPE_KEY)
    if scope is None:
        raise NoActiveResponseError(
            "BackgroundTasksDep found no response to run tasks after. Put the middleware around "
            "the application: app.add_middleware(bgtasks_adapters.asgi.BackgroundTasksMiddleware)"
        )
    scope.rules = _rules
    scope.view_returned()  # unless it is seen to raise
    try:
        yield scope
    except BaseException as error:
        if scope.status is None:  # else it was the client that left
            scope.view_raised(error)
        raise


BackgroundTasksDep = Annotated[BackgroundTasks, Depends(_background_tasks)]
"""The annotation of a parameter that is given the tasks of the response.

For path operations, ``def`` and ``async def``, websockets, and dependencies, with and without
``yield``, of either scope: all of one request get the same collection. It needs
``bgtasks_adapters.asgi.BackgroundTasksMiddleware`` around the application, and raises
``NoActiveResponseError`` without. Tasks run when the response has been sent, a websocket's when its
connection has ended; if the path operation raised, ``HTTPException`` too, they are skipped, unless
``using(when="always")`` says otherwise. ``add_task`` works beside it, anywhere below.
"""
