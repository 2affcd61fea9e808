"""Probes answered in front of a WSGI or an ASGI application, inside the boundary around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bgtasks_adapters.probes import PIECE, Probes, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bgtasks_adapters.settings import Settings


class WsgiProbes:
    """Answer probes in front of a WSGI application, inside the boundary."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self._app = app
        self._probes = Probes(settings, "wsgi")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        headers = {
            key[5:].replace("_", "-").lower(): value
            for key, value in environ.items()
            if key.startswith("HTTP_BGTASKS_DOCTOR")
        }
        found = self._probes.answer(headers)
        if found is None:
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        probe, answer = found
        if answer.is_paused:
            self._probes.pause(probe)
        start_response(f"{answer.status} {_REASONS.get(answer.status, '-')}", answer.all_headers())
        if answer.file is not None:
            file = answer.file.open("rb")
            wrapper = environ.get("wsgi.file_wrapper")
            return file if wrapper is None else wrapper(file, len(PIECE))
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        return [*answer.body] if isinstance(answer.body, tuple) else answer.body


_REASONS = {
    200: "OK",
    204: "No Content",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
}


class AsgiProbes:
    """Answer probes in front of an ASGI application, inside the boundary."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self._app = app
        self._probes = Probes(settings, "asgi")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = None
        if scope["type"] == "http":
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in scope["headers"]
            }
            found = self._probes.answer(headers)
        if found is None:
            await self._app(scope, receive, send)
            return
        probe, answer = found
        if answer.is_paused:
            await self._probes.apause(probe)
        headers_sent = [
            (name.lower().encode(), value.encode()) for name, value in answer.all_headers()
        ]
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": headers_sent}
        )
        if answer.file is not None and "http.response.pathsend" in scope.get("extensions", ()):
            await send({"type": "http.response.pathsend", "path": str(answer.file)})
            return
        if scope["method"] != "HEAD":
            async for piece in pieces_of(answer):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
