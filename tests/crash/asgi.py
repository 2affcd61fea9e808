"""An ASGI application with its journal in a file; every other task is ``async def``."""

from __future__ import annotations

from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.exchanges import Receive, Scope, Send
from tests.crash.work import adeliver, deliver, journal, number_of, receipt


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    number = number_of(scope["path"])
    if number:
        add_task(adeliver if number % 2 else deliver, number)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": receipt()})


application = BackgroundTasksMiddleware(answer, journal=journal())
