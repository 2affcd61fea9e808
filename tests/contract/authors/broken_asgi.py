"""A broken adapter: it awaits tasks before it sends the last message."""

from __future__ import annotations

from typing import Any

from bgtasks_adapters.ambient import use_tasks
from bgtasks_adapters.contract import check_adapter
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.exchanges import ASGIApp, Message, Receive, Scope, Send
from bgtasks_adapters.settings import Settings
from tests.contract.hosts.bare_asgi import answer


class AwaitsTasksBeforeTheEnd:
    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = ResponseScope(self.settings)

        async def send_late(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.started(message["status"])
            elif not message.get("more_body"):
                response.end()
                await response.activity.wait()
            await send(message)

        with use_tasks(response):
            await self.app({**scope, SCOPE_KEY: response}, receive, send_late)


def make_host(settings: dict[str, Any]) -> ASGIApp:
    return AwaitsTasksBeforeTheEnd(answer, Settings.from_mapping(settings))


TestAdapter = check_adapter(make_host, "asgi", servers=["uvicorn"], sees_the_view=False)
