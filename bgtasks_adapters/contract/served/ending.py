"""Outside every adapter: hold the end of a response on its way to the server, for `ending` pages.

What an adapter starts before it has handed the end of the response to its server is seen at the
gate while this is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgtasks_adapters.contract.served.announce import announce, announce_async
from bgtasks_adapters.contract.served.pages import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from bgtasks_adapters.exchanges import ASGIApp, Message, Receive, Scope, Send


class HeldAsgiEnd:
    """Hold the last message of a response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        page = Page.parse(scope["path"], scope["query_string"].decode())

        async def hold(message: Message) -> None:
            is_end = message["type"] == "http.response.body" and not message.get("more_body")
            if is_end:
                await announce_async(page.visit, "end", "started", hold=True)
            await send(message)

        await self._app(scope, receive, hold if page.shape == "ending" else send)


class HeldWsgiEnd:
    """Hold the call of `close()`."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._app(environ, start_response)
        page = Page.parse(environ["PATH_INFO"], environ["QUERY_STRING"])
        return _HeldBody(body, page) if page.shape == "ending" else body


class _HeldBody:
    def __init__(self, body: Iterable[bytes], page: Page) -> None:
        self._body = body
        self._page = page

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        announce(self._page.visit, "end", "started", hold=True)
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
