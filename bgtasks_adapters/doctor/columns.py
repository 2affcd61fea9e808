"""What is measured of a server, a column each, and what a measurement found.

Whether a client is held is never judged by time: a task waits until the doctor, which has the
complete response by then, lets it go on. A task that had to give up waiting was what the client
waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from bgtasks_adapters.doctor.client import Connection, IncompleteResponseError
from bgtasks_adapters.doctor.target import DoctorError, Target, new_visit
from bgtasks_adapters.probes import PIECE, PIECES, VIEW_SECONDS, Probe

Word = Literal[
    "free", "held", "served", "closes", "run", "lost", "no end", "refused", "finished", "named"
]
GOOD: frozenset[Word] = frozenset({"free", "served", "closes", "run", "finished"})
FAIR: frozenset[Word] = frozenset({"named", "no end", "refused"})
"""Words for what is not as good as it can be, without anything lost or held."""

KINDS = ("def", "async")


@dataclass(frozen=True)
class Finding:
    """What one column showed for one kind of task."""

    column: str
    kind: str
    word: Word
    detail: str = ""

    @property
    def is_good(self) -> bool:
        return self.word in GOOD

    @property
    def is_bad(self) -> bool:
        """Whether a client was held, or a task lost."""
        return not self.is_good and self.word not in FAIR


@dataclass(frozen=True)
class Column:
    """One thing to measure; ``measure`` takes a server and a kind of task."""

    name: str
    measure: Callable[[Target, str], tuple[Word, str]]

    def of(self, target: Target) -> Iterator[Finding]:
        for kind in KINDS:
            try:
                word, detail = self.measure(target, kind)
            except (ConnectionError, IncompleteResponseError) as error:
                word, detail = "refused", f"no response came: {error}"
            yield Finding(self.name, kind, word, detail)


@dataclass(frozen=True)
class _Framing:
    page: str
    method: str = "GET"
    version: str = "1.1"
    pause: float = 0.0
    size: int | None = None
    """How long the body must be, where its loss on the way could go unnoticed."""

    def __call__(self, target: Target, kind: str) -> tuple[Word, str]:
        visit = new_visit()
        problem = ""
        with target.connect(patience=target.patience, pause=self.pause) as connection:
            probe = Probe(self.page, visit, kind, hold=target.hold)
            try:
                response = target.ask(connection, probe, method=self.method, version=self.version)
            except IncompleteResponseError as error:
                problem = str(error)
            else:
                if self.size is not None and len(response.body) != self.size:
                    problem = f"{len(response.body)} of {self.size} bytes came"
        word, detail = fate_of_held(target, visit)
        if problem and word == "free":
            return "no end", problem
        return word, detail


def fate_of_held(target: Target, visit: str) -> tuple[Word, str]:
    """Let the task of a complete response go on; say whether the response had waited for it."""
    target.book.release(visit)
    note = target.wait_for(visit, "running", ("ended", "expired"), target.patience)
    if note is None:
        return "lost", "the task did not run"
    if note.event == "expired":
        return "held", "the response was complete only when the task had ended"
    return "free", ""


def _next_on_the_connection(target: Target, kind: str) -> tuple[Word, str]:
    visit = new_visit()
    with target.connect(patience=target.patience) as connection:
        response = target.ask(connection, Probe("length", visit, kind, hold=target.hold))
        is_answered = response.keeps_alive and _is_answered(target, connection)
    word, detail = fate_of_held(target, visit)
    if word != "free":
        return word, detail.replace("the response", "the next response")
    if is_answered:
        return "served", ""
    return "closes", "the server closes each connection"


def _is_answered(target: Target, connection: Connection) -> bool:
    try:
        target.ask(connection, Probe("hello"))
    except (IncompleteResponseError, OSError):
        return False
    return True


def _another_client(target: Target, kind: str) -> tuple[Word, str]:
    visit = new_visit()
    with target.connect(patience=target.patience) as connection:
        target.ask(connection, Probe("length", visit, kind, hold=target.hold))
        with target.connect(patience=target.patience) as other:
            target.ask(other, Probe("hello"))
        word, detail = fate_of_held(target, visit)
    if word != "free":
        return word, detail.replace("the response", "the other client's response")
    return "served", ""


def _leave(when: str) -> Callable[[Target, str], tuple[Word, str]]:
    def measure(target: Target, kind: str) -> tuple[Word, str]:
        visit = new_visit()
        page = {"before": "pausing", "during": "large", "after": "length"}[when]
        probe = Probe(page, visit, kind, when="always")
        connection = target.connect(patience=target.patience)
        try:
            if when == "after":
                target.ask(connection, probe)
            else:
                connection.send(target.path, headers=target.headers(probe))
                if when == "during":
                    connection.read_until(PIECE[:1000])
                else:
                    time.sleep(VIEW_SECONDS / 4)  # within the view, which notices nothing
        finally:
            connection.abort()
        return _fate_of_run(target, visit)

    return measure


def _raising_midway(target: Target, kind: str) -> tuple[Word, str]:
    visit = new_visit()
    is_cut_off = suppress(IncompleteResponseError, DoctorError, OSError, ValueError, IndexError)
    with target.connect(patience=target.patience) as connection, is_cut_off:
        target.ask(connection, Probe("raising", visit, kind, when="always"))
    return _fate_of_run(target, visit)


def _fate_of_run(target: Target, visit: str) -> tuple[Word, str]:
    if target.wait_for(visit, "running", ("started",), target.patience) is None:
        return "lost", "the task did not run"
    target.book.release(visit)
    if target.wait_for(visit, "running", ("ended", "expired"), target.patience) is None:
        return "lost", "the task was cut off"
    return "run", ""


COLUMNS: Sequence[Column] = (
    Column("Content-Length", _Framing("length")),
    Column("unknown length", _Framing("stream")),
    Column("HTTP/1.0", _Framing("length", version="1.0")),
    Column("HTTP/1.0, unknown length", _Framing("stream", version="1.0")),
    Column("HEAD", _Framing("length", method="HEAD")),
    Column("204", _Framing("empty")),
    Column("302", _Framing("redirect")),
    Column("304", _Framing("unchanged")),
    Column("8 MB, slow reader", _Framing("large", pause=0.002, size=len(PIECE) * PIECES)),
    Column("file", _Framing("file", size=len(PIECE))),
    Column("next request", _next_on_the_connection),
    Column("other client", _another_client),
    Column("client leaves before", _leave("before")),
    Column("client leaves during", _leave("during")),
    Column("client leaves after", _leave("after")),
    Column("raises midway", _raising_midway),
)
