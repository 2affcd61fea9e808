"""The gate: where tasks in a server's process announce themselves and wait for the test.

A task connects, sends one line of JSON and blocks until it is answered. A response that waits
for its tasks is therefore a deadlock, which the client's patience turns into a failure: whether
a client was held is never a matter of timing.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

PATIENCE = 10.0
"""How long anything that must happen may take, in seconds."""


@dataclass(eq=False)
class Arrival:
    """One announcement: who came to the gate, with what, and whether it waits there."""

    visit: str
    name: str
    event: str
    info: dict[str, Any]
    connection: socket.socket | None = field(repr=False)

    def release(self) -> None:
        """Let the one who waits go on; nothing happens if it is gone or went on before."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with connection:
                try:
                    connection.sendall(b"go\n")
                except OSError as error:
                    self.info["gone"] = repr(error)

    def wait_until_gone(self) -> None:
        """Wait until the one who waits has left without being released: it was cancelled."""
        assert self.connection is not None, f"{self} was released already"
        self.connection.settimeout(PATIENCE)
        try:
            has_left = self.connection.recv(1) == b""
        except ConnectionResetError:
            has_left = True
        except TimeoutError:
            has_left = False
        assert has_left, f"{self} still waits after {PATIENCE} s"


def all_still_wait(arrivals: Sequence[Arrival], seconds: float = 0.5) -> bool:
    """Say whether all of these wait at the gate for some time more, and none was cut off.

    The one place where time is spent: that nothing happens has no event to wait for. What is
    slow in there can hide a defect, never make one up.
    """
    connections = [one.connection for one in arrivals if one.connection is not None]
    assert len(connections) == len(arrivals), "some of them were released already"
    cut_off, _, _ = select.select(connections, [], [], seconds)
    return not cut_off


class Gate:
    """A server on a free port of 127.0.0.1 that keeps what was announced, in order."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._open_visits: set[str] = set()
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="gate", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing a socket does not wake the thread that is blocked in accept(), this does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._listener.close()
        for arrival in self._arrivals:
            arrival.release()

    def of(self, visit: str) -> list[Arrival]:
        """Return what was announced for a visit so far, in the order of its coming."""
        return [arrival for arrival in list(self._arrivals) if arrival.visit == visit]

    def wait_until(self, is_reached: Callable[[], bool], visit: str, what: str) -> None:
        """Wait for announcements until `is_reached`; fail if it is not within the patience."""
        with self._changed:
            was_reached = self._changed.wait_for(is_reached, PATIENCE)
        came = [f"{arrival.name} {arrival.event}" for arrival in self.of(visit)]
        assert was_reached, f"not within {PATIENCE} s: {what} of {visit}; what came: {came}"

    def open(self, visit: str) -> None:
        """Let go on all who wait, and will wait, for this visit."""
        with self._changed:
            self._open_visits.add(visit)
        for arrival in self.of(visit):
            arrival.release()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # The listener was shut down.
                return
            # On a thread of its own: one that connects and says nothing must not hold up others.
            threading.Thread(target=self._receive, args=(connection,), daemon=True).start()

    def _receive(self, connection: socket.socket) -> None:
        message = _read_line(connection)
        if message is None:
            connection.close()
            return
        visit, name, event = message["visit"], message["name"], message["event"]
        arrival = Arrival(visit, name, event, message["info"], connection)
        with self._changed:
            self._arrivals.append(arrival)
            has_to_wait = message["hold"] and visit not in self._open_visits
            self._changed.notify_all()
        if not has_to_wait:
            arrival.release()


class Visit:
    """One test's requests and tasks, told apart from all others at the gate by a token."""

    def __init__(self, gate: Gate, token: str) -> None:
        self._gate = gate
        self.token = token

    def target(self, view: str, shape: str, queue: str = "") -> str:
        """Return the target of a request to a view for a shape of answer (see `pages`)."""
        return f"/{view}/{shape}?queue={queue}&visit={self.token}"

    def history(self, *events: str) -> list[str]:
        """Return what came so far of these events, in order, each as its name and event."""
        came = self._gate.of(self.token)
        return [f"{one.name} {one.event}" for one in came if one.event in events]

    def wait_for(self, name: str, event: str) -> Arrival:
        """Return the first such announcement; fail if it does not come within the patience."""

        def found() -> list[Arrival]:
            came = self._gate.of(self.token)
            return [one for one in came if (one.name, one.event) == (name, event)]

        self._gate.wait_until(lambda: bool(found()), self.token, f"{name} {event}")
        return found()[0]

    def processes(self) -> set[int]:
        """Return the processes that something of this visit was announced from so far."""
        return {one.info["process"] for one in self._gate.of(self.token)}

    def fate(self, name: str) -> str:
        """Return the final status of a task, once an observer in its process was told it."""
        kind = self.wait_for(name, "observed").info["kind"]
        assert isinstance(kind, str)
        return kind

    def release(self, name: str) -> None:
        """Let a task, view or body that waits at the gate go on, once it has come there."""
        self.wait_for(name, "started").release()

    def open(self) -> None:
        """Let all go on."""
        self._gate.open(self.token)


def _read_line(connection: socket.socket) -> dict[str, Any] | None:
    """Read the announcement; None if the other side was killed before it had sent it."""
    connection.settimeout(PATIENCE)
    try:
        with connection.makefile("rb") as lines:
            line = lines.readline()
    except OSError:
        return None
    if not line.endswith(b"\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    return message
