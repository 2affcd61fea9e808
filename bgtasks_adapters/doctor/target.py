"""A server as the doctor sees it: its address, its pages, and what its tasks noted down."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from bgtasks_adapters.doctor.client import (
    PATIENCE,
    Address,
    Connection,
    IncompleteResponseError,
    Response,
)
from bgtasks_adapters.exceptions import BackgroundTasksError
from bgtasks_adapters.notes import Note, Notes
from bgtasks_adapters.probes import HOLD_SECONDS, MARK_HEADER, PROBE_HEADER, TOKEN_HEADER, Probe

_LOOK_SECONDS = 0.02


class DoctorError(BackgroundTasksError):
    """Raised where nothing can be measured; the message says why, and what to do."""


class Book(Protocol):
    """Where the notes of a server are read, and its tasks let go on."""

    def read(self, visit: str) -> Sequence[Note]: ...
    def release(self, visit: str) -> None: ...


@dataclass(frozen=True)
class Target:
    """One server that answers probes."""

    address: Address
    token: str
    path: str = "/"
    folder: Notes | None = None
    """Where its notes lie, if it runs on this machine as a command of the doctor's."""

    hold: float = HOLD_SECONDS
    """How long a task waits to be let go on, in seconds."""

    @property
    def patience(self) -> float:
        """How long anything may take that a task can keep waiting, in seconds."""
        return 2 * self.hold + 4

    @classmethod
    def of_url(cls, url: str, token: str) -> Target:
        """Read where to connect to from a URL; raise ``DoctorError`` for a bad one."""
        parts = urlsplit(url if "//" in url else f"//{url}")
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise DoctorError(f"--url {url} is no address of a server: use http://host:port/")
        is_tls = parts.scheme == "https"
        address = Address(parts.hostname, port or (443 if is_tls else 80), is_tls)
        return cls(address, token, parts.path or "/")

    @property
    def book(self) -> Book:
        return self.folder or RemoteBook(self)

    def connect(self, *, patience: float = PATIENCE, pause: float = 0.0) -> Connection:
        return Connection(self.address, patience=patience, pause=pause)

    def headers(self, probe: Probe) -> dict[str, str]:
        return {TOKEN_HEADER: self.token, PROBE_HEADER: str(probe)}

    def ask(
        self, connection: Connection, probe: Probe, *, method: str = "GET", version: str = "1.1"
    ) -> Response:
        """Ask for a page of the probes; raise ``DoctorError`` where the answer is another's."""
        response = connection.ask(
            self.path, method=method, version=version, headers=self.headers(probe)
        )
        if MARK_HEADER.lower() not in response.headers:
            raise DoctorError(
                f"The answer (status {response.status}) did not come from this library. Put its "
                "middleware around the application, and start the server with "
                "BGTASKS_DOCTOR_TOKEN in its environment."
            )
        if response.status in (400, 403):
            text = response.body.decode("latin-1").strip()
            raise DoctorError(f"The server refused the probe: {text or response.status}.")
        return response

    def ask_json(self, probe: Probe, patience: float = PATIENCE) -> Any:
        with self.connect(patience=patience) as connection:
            return json.loads(self.ask(connection, probe).body)

    def hello(self, patience: float = PATIENCE) -> dict[str, Any]:
        """Return what the server says of itself; the first thing to ask."""
        try:
            found: dict[str, Any] = self.ask_json(Probe("hello"), patience)
        except ConnectionRefusedError:
            where = f"{self.address.host}:{self.address.port}"
            raise DoctorError(f"Nothing listens at {where}: the connection was refused.") from None
        except (OSError, IncompleteResponseError, ValueError, IndexError) as error:
            where = f"{self.address.host}:{self.address.port}"
            raise DoctorError(f"No HTTP answer came from {where}: {error}") from error
        return found

    def wait_for(
        self, visit: str, name: str, events: Sequence[str], patience: float = PATIENCE
    ) -> Note | None:
        """Return the first such note of a visit; None if none comes within the patience."""
        deadline = time.monotonic() + patience
        while True:
            for note in self.book.read(visit):
                if note.name == name and note.event in events:
                    return note
            if time.monotonic() > deadline:
                return None
            time.sleep(_LOOK_SECONDS)


class RemoteBook:
    """The notes of a server, asked for through the server itself."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def read(self, visit: str) -> list[Note]:
        return [Note(*note) for note in self._target.ask_json(Probe("notes", visit))]

    def release(self, visit: str) -> None:
        with self._target.connect() as connection:
            self._target.ask(connection, Probe("release", visit))


_numbers = itertools.count(1)


def new_visit() -> str:
    """Return a name under which the notes of one measurement are kept apart from all others."""
    return f"{os.getpid()}-{int(time.time())}-{next(_numbers)}"
