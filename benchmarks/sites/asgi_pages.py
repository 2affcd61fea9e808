"""The pages as a bare ASGI callable."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Pages:
    """Answers every page; ``queue`` is awaited with a function and its arguments."""

    def __init__(self, queue: Callable[..., Awaitable[object]]) -> None:
        self._queue = queue

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"{scope['type']} is not served here")
        body = b"ok"
        match scope["path"]:
            case "/def":
                await self._queue(work, ms_of(scope["query_string"].decode()))
            case "/async":
                await self._queue(work_async, ms_of(scope["query_string"].decode()))
            case "/many":
                for number in steps():
                    await self._queue(step, *number)
            case "/ran":
                body = json.dumps(runs.report()).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
