"""A middleware in plain ASGI that answers in a view's place, where a framework takes one."""

from __future__ import annotations

from typing import Any

from bgtasks_adapters.exchanges import Message, TypedASGIApp


class Replace:
    def __init__(self, app: TypedASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def replace(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "status": 202}
            await send(message)

        is_replaced = scope["type"] == "http" and scope["path"].endswith("/replaced")
        await self.app(scope, receive, replace if is_replaced else send)
