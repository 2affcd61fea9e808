"""A WSGI server for one request, on the calling thread: what a server does, taken step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

from bgtasks_adapters import drain
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

PATIENCE = 10.0
"""How long anything that must happen may take, in seconds."""


class WsgiExchange:
    """One request to an application and the response to it."""

    def __init__(
        self, app: WSGIApplication, method: str = "GET", *, file_wrapper: object = None
    ) -> None:
        self.app = app
        self.environ: WSGIEnvironment = {"REQUEST_METHOD": method, "QUERY_STRING": ""}
        setup_testing_defaults(self.environ)
        if file_wrapper is not None:
            self.environ["wsgi.file_wrapper"] = file_wrapper
        self.status: str | None = None
        self.written: list[bytes] = []
        self.body: Iterable[bytes] = ()
        self._iterator: Iterator[bytes] | None = None

    def call(self) -> WsgiExchange:
        self.body = self.app(self.environ, self._start_response)
        return self

    def read(self) -> bytes:
        """Iterate the body as far as it goes, and return all of the response's bytes."""
        for chunk in self._steps():
            self.written.append(chunk)
        return b"".join(self.written)

    def read_one(self) -> bytes:
        chunk = next(self._steps())
        self.written.append(chunk)
        return chunk

    def close(self) -> None:
        close = getattr(self.body, "close", None)
        if close is not None:
            close()

    def run(self) -> WsgiExchange:
        """Serve the whole request, and close its body whatever happens, as PEP 3333 says."""
        self.call()
        try:
            self.read()
        finally:
            self.close()
        return self

    def _steps(self) -> Iterator[bytes]:
        if self._iterator is None:
            self._iterator = iter(self.body)
        return self._iterator

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        assert self.status is None or exc_info is not None, "start_response was called twice"
        if exc_info is not None and self.written:
            raise exc_info[1].with_traceback(exc_info[2])
        self.status = status
        return self.written.append


def app_of(view: Callable[[], object], status: str = "200 OK") -> WSGIApplication:
    """Return an application that calls ``view`` and answers with a short list."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        view()
        start_response(status, [("Content-Type", "text/plain")])
        return [b"hello"]

    return app


def bounded(app: WSGIApplication, **settings: Any) -> BackgroundTasksMiddleware:
    """Put the boundary around an application, without touching the test process's signals."""
    settings.setdefault("handle_sigterm", False)
    return BackgroundTasksMiddleware(app, **settings)


def respond(view: Callable[[], object], status: str = "200 OK", **settings: Any) -> WsgiExchange:
    """Serve one request whose view is ``view``, and wait until its tasks have ended."""
    exchange = WsgiExchange(bounded(app_of(view, status), **settings)).run()
    assert drain(PATIENCE), "the tasks did not end"
    return exchange
