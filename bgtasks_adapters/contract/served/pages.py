"""What every application offers, without its framework: the shapes of answers, and their bodies.

| shape | answer |
|---|---|
| length | 200 with a Content-Length |
| stream | 200, a body of unknown length |
| file | 200, a file as the framework sends it |
| empty, redirect, unchanged | 204, 302, 304 |
| waiting | the view waits at the gate, then as length |
| ending | as stream, and its end is held at the gate on its way to the server: see `ending` |
| gated | a large stream that waits at the gate behind its first piece |
| adding | a stream that adds a task before, between and behind its pieces |
| refused | the view returns a response with status 404 |
| missing | the view ends with the framework's own "not found", where that is an exception |
| error | the view raises |
| replaced | as length, but a middleware answers in its place with status 202 |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import parse_qs

from bgtasks_adapters import add_task
from bgtasks_adapters.contract.served.announce import announce, announce_async
from bgtasks_adapters.contract.served.queues import fill, report

BODY = b"complete\n"
PIECES = (b"one piece\n", b"another piece\n")

STATUS = {"empty": 204, "redirect": 302, "unchanged": 304, "refused": 404, "missing": 404}
"""The status of each shape; 200 for all others."""

_LARGE_PIECE = bytes(65536)
_NUMBER_OF_LARGE_PIECES = 64
"""So many (4 MiB) that no socket and no server takes them all from a client that is gone."""


class PageError(Exception):
    """What a view raises that was asked for an error."""


class Page(NamedTuple):
    """What a request of the contract asks a view for: ``/<view>/<shape>?queue=...&visit=...``."""

    view: str
    """How the view that answers is written: ``"def"`` or ``"async"``."""

    shape: str
    """How it answers, such as ``"stream"``. A view looks at it for a host's own shapes only."""

    queue: str
    visit: str

    @classmethod
    def parse(cls, path: str, query: str) -> Self:
        """Read a page from the path and the query string of a request."""
        _, view, shape = path.split("/")
        values = parse_qs(query)
        return cls(view, shape, values.get("queue", [""])[0], values.get("visit", [""])[0])

    def begin(self) -> None:
        """Do what a ``def`` view does before it answers: add its tasks, wait or fail if asked.

        Raises ``PageError`` where the view is asked for an error. Let it pass.
        """
        fill(self.queue, self.visit)
        if self.shape == "error":
            raise PageError(self.visit)
        if self.shape == "waiting":
            announce(self.visit, "view", "started", hold=True)

    async def abegin(self) -> None:
        """Do the same in an ``async def`` view."""
        fill(self.queue, self.visit)
        if self.shape == "error":
            raise PageError(self.visit)
        if self.shape == "waiting":
            await announce_async(self.visit, "view", "started", hold=True)

    @property
    def status(self) -> int:
        """The status to answer with."""
        return STATUS.get(self.shape, 200)

    @property
    def headers(self) -> dict[str, str]:
        """The headers to answer with, beside those that a framework adds (Content-Length)."""
        return {"Location": "/"} if self.shape == "redirect" else {}

    @property
    def file(self) -> Path:
        """What to send for the shape ``"file"``, by the framework's own means."""
        return Path(__file__)

    @property
    def is_streamed(self) -> bool:
        """Whether its body is of unknown length."""
        return self.shape in ("stream", "ending", "gated", "adding")

    def body(self) -> bytes | Iterator[bytes]:
        """Return the body to answer with; an iterator is to be streamed, piece by piece."""
        if self.is_streamed:
            return self.pieces()
        return BODY if self.has_body else b""

    def abody(self) -> bytes | AsyncIterator[bytes]:
        """Return the same for a framework that streams what is iterated on an event loop."""
        if self.is_streamed:
            return self.apieces()
        return BODY if self.has_body else b""

    @property
    def has_body(self) -> bool:
        """Whether the answer to a GET has a body at all."""
        return self.status not in (204, 304)

    def pieces(self) -> Iterator[bytes]:
        """Give the body of a stream, on a thread that may block."""
        if self.shape == "gated":
            yield PIECES[0]
            announce(self.visit, "body", "started", hold=True)
            yield from _large_pieces()
            announce(self.visit, "body", "ended")
        else:
            yield from self._small_pieces()

    async def apieces(self) -> AsyncIterator[bytes]:
        """Give the body of a stream, on an event loop."""
        if self.shape == "gated":
            yield PIECES[0]
            await announce_async(self.visit, "body", "started", hold=True)
            for piece in _large_pieces():
                yield piece
            await announce_async(self.visit, "body", "ended")
        else:
            for piece in self._small_pieces():
                yield piece

    def _small_pieces(self) -> Iterator[bytes]:
        for number, piece in enumerate(PIECES):
            if self.shape == "adding":
                add_task(report, self.visit, f"before piece {number}")
            yield piece
        if self.shape == "adding":
            add_task(report, self.visit, "behind the pieces")


def _large_pieces() -> Iterator[bytes]:
    for _ in range(_NUMBER_OF_LARGE_PIECES):
        yield _LARGE_PIECE
