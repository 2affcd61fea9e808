"""What passes between an ASGI application and its server: HTTP, a websocket, the lifespan.

Each stands between the two, sees how the exchange ends, and says so to the response's scope (or
has the tasks waited for). The boundary in ``asgi`` puts them there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.concurrency import ThreadEvent
from bgtasks_adapters.process import ledger
from bgtasks_adapters.shutdown import shutdown

if TYPE_CHECKING:
    from bgtasks_adapters.dispatch import ResponseScope

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
TypedASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
"""An application as users have it: frameworks describe scope and messages by types of their own."""


class Exchange:
    """What passed between application and server, for the outcome."""

    must_run_inline = False
    _is_complete = False
    _is_client_gone = False

    def __init__(self, response: ResponseScope, receive: Receive, send: Send) -> None:
        self._response = response
        self.receive = receive
        self._send = send

    def end(self, error: BaseException | None) -> None:
        """Note that the application returned, or what it raised."""
        if error is not None and not isinstance(error, Exception):
            self._is_client_gone = True  # cancelled
            if self._response.status is not None:
                error = None
        if self._is_client_gone and isinstance(error, Exception):
            error = None  # the application only passed on what send() had raised
        is_disconnected = self._is_client_gone or (error is None and not self._is_complete)
        self._over(error, is_disconnected)

    def _over(self, error: BaseException | None = None, is_disconnected: bool = False) -> None:
        is_mine = self._response.note_end(error=error, is_disconnected=is_disconnected)
        if not is_mine:
            return
        if self._response.is_inline:
            self.must_run_inline = True
        else:
            self._response.dispatch()


class HttpExchange(Exchange):
    _has_trailers = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._response.notes.status = message["status"]
            if message.get("trailers", False):
                self._has_trailers = True
            is_last = False
        elif kind == "http.response.body":
            is_last = not message.get("more_body", False) and not self._has_trailers
        else:
            is_last = self._is_last(kind, message)
        if is_last and self._response.tasks and not self._has_room():
            await self._wait_for_room()
        try:
            await self._send(message)
        except BaseException:
            self._is_client_gone = True
            raise
        if is_last:
            self._is_complete = True
            self._over()

    def _is_last(self, kind: str, message: Message) -> bool:
        if kind == "http.response.zerocopysend":
            return not message.get("more_body", False) and not self._has_trailers
        if kind == "http.response.pathsend":
            return not self._has_trailers
        return kind == "http.response.trailers" and not message.get("more_trailers", False)

    def _has_room(self) -> bool:
        return self._response.is_inline or self._response.has_room

    async def _wait_for_room(self) -> None:
        # Backpressure: at max_pending the end of the response is held back, the one case in
        # which a client waits.
        has_room = ThreadEvent()
        ledger.call_when_room(self._response.settings.max_pending, has_room.set)
        await has_room.wait()


class WebsocketExchange(Exchange):
    _is_accepted = False

    def __init__(self, response: ResponseScope, receive: Receive, send: Send) -> None:
        super().__init__(response, self._receive_noting, send)
        self._receive = receive

    async def _receive_noting(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._is_complete = self._response.is_client_gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.http.response.start":  # an answer instead of a handshake
            self._response.started(message["status"])
        elif message["type"] == "websocket.close" and not self._is_accepted:
            self._response.started(403)  # which the server makes of it, says the specification
        try:
            await self._send(message)
        except BaseException:
            self._is_client_gone = self._response.is_client_gone = True
            raise
        if message["type"] == "websocket.accept":
            self._is_accepted = self._response.is_open_connection = True
        is_last = message["type"] == "websocket.close" or (
            message["type"] == "websocket.http.response.body" and not message.get("more_body")
        )
        self._is_complete = self._is_complete or is_last

    def end(self, error: BaseException | None) -> None:
        # A client that leaves, however the application then ends, is the usual end.
        is_cancelled = error is not None and not isinstance(error, Exception)
        is_left = self._is_accepted and (self._is_client_gone or is_cancelled)
        if error is None or self._is_complete or is_left:
            self._response.view_returned()
        else:
            self._response.view_raised(error)
        super().end(error)


class Lifespan:
    """The lifespan of an application, and the answers to it of one that has none."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        begin: Callable[[], object],
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        self._receive = receive
        self._send = send
        self._begin = begin
        self._drain = drain
        self._received: set[str] = set()
        self._sent: set[str] = set()

    @property
    def is_answered(self) -> bool:
        return bool(self._sent)

    async def receive(self) -> Message:
        message = await self._receive()
        self._received.add(message["type"])
        if message["type"] == "lifespan.shutdown":
            shutdown.begin_orderly_end(self)
            # First, because tasks may need what the application is about to close.
            await self._drain()
        return message

    async def send(self, message: Message) -> None:
        self._sent.add(message["type"])
        if message["type"].startswith("lifespan.shutdown"):
            shutdown.end_orderly_end(self)
        await self._send(message)
        if message["type"] == "lifespan.startup.complete":
            self._begin()

    async def answer_the_rest(self) -> None:
        for phase in ("startup", "shutdown"):
            event = f"lifespan.{phase}"
            if f"{event}.failed" in self._sent:
                return
            if event not in self._received:
                await self.receive()
            if f"{event}.complete" not in self._sent:
                await self.send({"type": f"{event}.complete"})
