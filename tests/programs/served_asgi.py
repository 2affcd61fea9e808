"""An ASGI application for real servers: settings from the environment, the log on stderr."""

from __future__ import annotations

import json
import os
from typing import Any

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from tests.programs import log_everything


async def _application(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


log_everything()
application = BackgroundTasksMiddleware(
    _application, **json.loads(os.environ.get("SERVED_SETTINGS", "{}"))
)


async def router(scope: Any, receive: Any, send: Any) -> None:
    """Pass on requests alone, as a router does that is told of no lifespan."""
    assert scope["type"] == "http"
    await application(scope, receive, send)
