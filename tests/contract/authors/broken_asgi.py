"""A broken adapter: it awaits tasks before it sends the last message."""

from __future__ import annotations

from typing import Any

from bgtasks_adapters import BackgroundTasks
from bgtasks_adapters.ambient import use_tasks
from bgtasks_adapters.contract import check_adapter
from bgtasks_adapters.exchanges import ASGIApp, Message, Receive, Scope, Send
from tests.contract.hosts.bare_asgi import answer


class AwaitsTasksBeforeTheEnd:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tasks = BackgroundTasks()

        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await tasks()
            await send(message)

        with use_tasks(tasks):
            await self.app(scope, receive, send_late)


def make_host(settings: dict[str, Any]) -> ASGIApp:
    return AwaitsTasksBeforeTheEnd(answer)


TestAdapter = check_adapter(make_host, "asgi", servers=["uvicorn"], sees_the_view=False)
