"""The project under ASGI: the composition of docs/channels.md."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import translation

from bgtasks_adapters import add_task
from bgtasks_adapters.contract.served.announce import announce, announce_async
from bgtasks_adapters.django.asgi import BackgroundTasksMiddleware, get_asgi_application


def at_the_gate(visit: str, name: str) -> None:
    announce(visit, name, "started", hold=True, language=translation.get_language())


async def at_the_gate_async(visit: str, name: str) -> None:
    await announce_async(visit, name, "started", hold=True, language=translation.get_language())


def add(visit: str, name: str) -> None:
    with translation.override("de"):
        add_task(at_the_gate, visit, f"def {name}")
        add_task(at_the_gate_async, visit, f"async {name}")


def visit_of(scope: Any) -> str:
    query: str = scope["query_string"].decode()
    return parse_qs(query)["visit"][0]


class Sync(WebsocketConsumer):
    def connect(self) -> None:
        add(visit_of(self.scope), "connect")
        self.accept()

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data == "raise":
            raise LookupError
        if text_data == "close":
            self.close(4000)
        else:
            self.send(text_data=text_data)


class Async(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        add(visit_of(self.scope), "connect")
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data == "raise":
            raise LookupError
        if text_data == "close":
            await self.close(4000)
        else:
            await self.send(text_data=text_data)


def view(request: HttpRequest) -> HttpResponse:
    add(request.GET["visit"], "view")
    return HttpResponse("done", status=404)


urlpatterns = [path("view", view)]

consumers: dict[str, Any] = {"sync": Sync.as_asgi(), "async": Async.as_asgi()}
sockets = URLRouter([path(route, consumer) for route, consumer in consumers.items()])
application = BackgroundTasksMiddleware(
    ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
)
