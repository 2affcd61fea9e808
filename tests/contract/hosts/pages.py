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
from typing import NamedTuple
from urllib.parse import parse_qs

from bgtasks_adapters import add_task

from .announce import announce, announce_async
from .queues import report

BODY = b"complete\n"
PIECES = (b"one piece\n", b"another piece\n")
FILE = Path(__file__)

STATUS = {"empty": 204, "redirect": 302, "unchanged": 304, "refused": 404, "missing": 404}
"""The status of each shape; 200 for all others."""

REASONS = {200: "OK", 204: "No Content", 302: "Found", 304: "Not Modified", 404: "Not Found"}

_LARGE_PIECE = bytes(65536)
_NUMBER_OF_LARGE_PIECES = 64
"""So many (4 MiB) that no socket and no server takes them all from a client that is gone."""


class PageError(Exception):
    """What a view raises that was asked for an error."""


class Page(NamedTuple):
    """What a request asks for."""

    view: str
    shape: str
    queue: str
    visit: str

    @property
    def status(self) -> int:
        return STATUS.get(self.shape, 200)

    @property
    def is_streamed(self) -> bool:
        """Whether its body is of unknown length."""
        return self.shape in ("stream", "ending", "gated", "adding")


def parse(path: str, query: str) -> Page:
    """Read a page from the path and the query string of a request."""
    _, view, shape = path.split("/")
    values = parse_qs(query)
    return Page(view, shape, values.get("queue", [""])[0], values.get("visit", [""])[0])


def body(page: Page) -> Iterator[bytes]:
    """Give the body of a stream, on a thread that may block."""
    if page.shape == "gated":
        yield PIECES[0]
        announce(page.visit, "body", "started", hold=True)
        yield from _large_pieces()
        announce(page.visit, "body", "ended")
    else:
        yield from _small_pieces(page)


async def async_body(page: Page) -> AsyncIterator[bytes]:
    """Give the body of a stream, on an event loop."""
    if page.shape == "gated":
        yield PIECES[0]
        await announce_async(page.visit, "body", "started", hold=True)
        for piece in _large_pieces():
            yield piece
        await announce_async(page.visit, "body", "ended")
    else:
        for piece in _small_pieces(page):
            yield piece


def _large_pieces() -> Iterator[bytes]:
    for _ in range(_NUMBER_OF_LARGE_PIECES):
        yield _LARGE_PIECE


def _small_pieces(page: Page) -> Iterator[bytes]:
    for number, piece in enumerate(PIECES):
        if page.shape == "adding":
            add_task(report, page.visit, f"before piece {number}")
        yield piece
    if page.shape == "adding":
        add_task(report, page.visit, "behind the pieces")
