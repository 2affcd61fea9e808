"""What a server answers to the doctor: pages whose tasks wait until the doctor lets them go.

Off, unless ``BGTASKS_DOCTOR_TOKEN`` is set in the server's environment when its application is
made. Then a request that brings that token in a header is answered here, inside the boundary (or
Django's middleware) whose work is being measured; every other request goes to the application.
"""

from __future__ import annotations

import hmac
import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from bgtasks_adapters.ambient import get_background_tasks
from bgtasks_adapters.concurrency import is_on_loop
from bgtasks_adapters.notes import Notes, ProbeError
from bgtasks_adapters.outcome import check_when
from bgtasks_adapters.servers import UNKNOWN, Sighting, call_stack, recognise
from bgtasks_adapters.settings import DOCTOR_TOKEN_VARIABLE
from bgtasks_adapters.shutdown import shutdown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
    from pathlib import Path

    from bgtasks_adapters.servers import Interface
    from bgtasks_adapters.settings import Settings

TOKEN_HEADER = "Bgtasks-Doctor-Token"
PROBE_HEADER = "Bgtasks-Doctor-Probe"
MARK_HEADER = "Bgtasks-Doctor"
"""What every answer to a probe bears, to be told from one of the application."""

HOLD_SECONDS = 4.0
"""How long a task waits to be let go on before it ends by itself: then the client was held."""

LONGEST_HOLD_SECONDS = 90.0
VIEW_SECONDS = 0.4
"""How long the view of the page ``pausing`` takes, unless it is let go on before."""

PIECE = bytes(65536)
PIECES = 128
"""So many pieces (8 MiB) that no socket and no server takes them all from a slow client."""

_LOOK_SECONDS = 0.02


class Probe(NamedTuple):
    """One request of the doctor's, as its header says."""

    page: str
    visit: str = ""
    task: str = ""
    waiting: int = 0
    when: str = "returned"
    hold: float = HOLD_SECONDS

    @classmethod
    def parse(cls, header: str) -> Probe:
        """Read ``page=stream; visit=a1; task=def``; raise ``ProbeError`` for anything else."""
        parts = [part.strip().partition("=") for part in header.split(";")]
        values: dict[str, Any] = {name: value for name, _, value in parts}
        try:
            values["waiting"] = int(values.get("waiting", 0))
            values["hold"] = min(float(values.get("hold", HOLD_SECONDS)), LONGEST_HOLD_SECONDS)
            probe = cls(**values)
            check_when(probe.when)
        except (TypeError, ValueError) as error:
            raise ProbeError(f"{PROBE_HEADER}: {header} is not understood: {error}") from None
        if not 0 <= probe.waiting <= 1000 or probe.task not in ("", "def", "async"):
            raise ProbeError(f"{PROBE_HEADER}: {header} is not understood")
        return probe

    def __str__(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._asdict().items())


class Answer(NamedTuple):
    """What to answer; each interface sends it in its own way."""

    status: int
    headers: Mapping[str, str]
    body: Iterable[bytes] = ()
    file: Path | None = None
    is_paused: bool = False

    def all_headers(self) -> list[tuple[str, str]]:
        return [
            ("Content-Type", "application/octet-stream"),
            ("Cache-Control", "no-store"),
            (MARK_HEADER, "1"),
            *self.headers.items(),
        ]


class BrokenBodyError(Exception):
    """What the page ``raising`` raises in the middle of its body, because it was asked to."""


class Probes:
    """The pages of this process, for those who have the token."""

    def __init__(self, settings: Settings, interface: str) -> None:
        self._token = os.environ[DOCTOR_TOKEN_VARIABLE]
        self._notes = Notes.of_token(self._token)
        self._settings = settings
        self._interface = interface

    def answer(self, headers: Mapping[str, str]) -> tuple[Probe, Answer] | None:
        """Answer a request with these headers (names in lower case); None if it is no probe."""
        token = headers.get(TOKEN_HEADER.lower())
        if token is None:
            return None
        none = Probe("none")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return none, _text(403, "the token is not that of this server\n")
        try:
            probe = Probe.parse(headers.get(PROBE_HEADER.lower(), ""))
            return probe, self._answer(probe)
        except ProbeError as error:
            return none, _text(400, f"{error}\n")

    def _answer(self, probe: Probe) -> Answer:
        if probe.page == "hello":
            return _json(self._description())
        self._notes.check(probe.visit)
        if probe.page == "notes":
            return _json(self._notes.read(probe.visit))
        if probe.page == "release":
            self._notes.release(probe.visit)
            return Answer(204, {})
        answer = self._page(probe)
        self._add_tasks(probe)
        return answer

    def _page(self, probe: Probe) -> Answer:
        match probe.page:
            case "length":
                return _text(200, "complete\n")
            case "pausing":
                return _text(200, "complete\n")._replace(is_paused=True)
            case "stream":
                return Answer(200, {}, iter((b"one piece\n", b"another piece\n")))
            case "large":
                return Answer(200, {}, (PIECE for _ in range(PIECES)))
            case "raising":
                return Answer(200, {}, _broken_body())
            case "empty":
                return Answer(204, {})
            case "redirect":
                return Answer(302, {"Location": "/", "Content-Length": "0"})
            case "unchanged":
                return Answer(304, {})
            case "file":
                return Answer(200, {"Content-Length": str(len(PIECE))}, file=self._file())
            case _:
                raise ProbeError(f"page={probe.page} is unknown")

    def _file(self) -> Path:
        path = self._notes.folder / "file"
        if not path.exists():
            path.write_bytes(PIECE)
        return path

    def _description(self) -> dict[str, object]:
        settings = self._settings
        interface: Interface = "ASGI" if is_on_loop() else "WSGI"
        sighting = Sighting(settings, interface, call_stack())
        server = recognise(sighting) or UNKNOWN
        worker = server.worker(sighting)
        return {
            "interface": self._interface,
            "server": f"{server.name} ({worker})" if worker else server.name,
            "pid": os.getpid(),
            "executor": settings.executor,
            "shutdown_timeout": settings.shutdown_timeout,
        }

    def _add_tasks(self, probe: Probe) -> None:
        if not probe.task:
            return
        shutdown.write_receipt_to(self._notes.receipts)
        tasks = get_background_tasks()
        run, note = (
            (self._ahold, self._anote) if probe.task == "async" else (self._hold, self._note)
        )
        named = tasks.using(name=f"{probe.visit} running", when=probe.when)
        named.add_task(run, probe)
        for number in range(probe.waiting):
            name = f"waiting {number}"
            tasks.using(name=f"{probe.visit} {name}", when=probe.when).add_task(note, probe, name)

    def _hold(self, probe: Probe) -> None:
        self._notes.write(probe.visit, "running", "started")
        deadline = time.monotonic() + probe.hold
        while self._is_held(probe, deadline):
            time.sleep(_LOOK_SECONDS)
        self._end(probe)

    async def _ahold(self, probe: Probe) -> None:
        sleep = _sleep_of_loop()
        self._notes.write(probe.visit, "running", "started")
        deadline = time.monotonic() + probe.hold
        while self._is_held(probe, deadline):
            await sleep(_LOOK_SECONDS)
        self._end(probe)

    def _is_held(self, probe: Probe, deadline: float) -> bool:
        return time.monotonic() < deadline and not self._notes.is_released(probe.visit)

    def _end(self, probe: Probe) -> None:
        was_released = self._notes.is_released(probe.visit)
        self._notes.write(probe.visit, "running", "ended" if was_released else "expired")

    def _note(self, probe: Probe, name: str) -> None:
        self._notes.write(probe.visit, name, "ended")

    async def _anote(self, probe: Probe, name: str) -> None:
        self._note(probe, name)

    # What a view does that takes its time.

    def pause(self, probe: Probe) -> None:
        deadline = time.monotonic() + VIEW_SECONDS
        while self._is_held(probe, deadline):
            time.sleep(_LOOK_SECONDS)

    async def apause(self, probe: Probe) -> None:
        sleep = _sleep_of_loop()
        deadline = time.monotonic() + VIEW_SECONDS
        while self._is_held(probe, deadline):
            await sleep(_LOOK_SECONDS)


def _sleep_of_loop() -> Any:
    import anyio

    return anyio.sleep


def _broken_body() -> Iterator[bytes]:
    yield b"one piece\n"
    raise BrokenBodyError("the doctor asked for a body that fails in the middle")


def _text(status: int, text: str) -> Answer:
    data = text.encode()
    return Answer(status, {"Content-Length": str(len(data))}, (data,))


def _json(value: object) -> Answer:
    return _text(200, json.dumps(value))


async def pieces_of(answer: Answer) -> AsyncIterator[bytes]:
    """Give the body of an answer to an interface that awaits it."""
    if answer.file is not None:
        yield answer.file.read_bytes()
    for piece in answer.body:
        yield piece
