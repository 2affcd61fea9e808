"""A client whose requests come on a clock, at a given rate: for answer times.

wrk asks again once it has the answer, and its ``delay()`` waits from there too: a server that is
slow for a moment is asked less in that moment, and the slow answers that a user would have had are
never measured ("coordinated omission"). Here the times of all requests are set before the run, and
a request that finds every connection busy counts from the time when it was to go.

The intervals are even, as load generators with a fixed rate have them: at half of what a site can
do, no request then waits because of chance, and what is seen is what tasks cost a response. Users
come in bursts, in which whatever makes one request dearer is multiplied by those behind it.

For Linux: it waits with epoll.
"""

from __future__ import annotations

import re
import select
import socket
from collections import deque
from time import perf_counter

CONNECTIONS = 16
GRACE = 5.0
"""How long the last answers may take, in seconds."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class ClientError(RuntimeError):
    """Raised where an answer is no good one, or does not come."""


def request_of(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def is_complete(received: bytes) -> bool:
    """Tell whether this is a whole response; raise ``ClientError`` if it is not a 200."""
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise ClientError(head.partition(b"\r\n")[0].decode(errors="replace"))
    if length := _LENGTH.search(head):
        return len(body) >= int(length[1])
    if _CHUNKED.search(head):
        return body.endswith(b"0\r\n\r\n")
    raise ClientError("a response without a length")


def answer_times(port: int, path: str, *, rate: float, seconds: float) -> list[float]:
    """Ask at ``rate`` a second, and return how long each answer took, in seconds."""
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    try:
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times = [number / rate for number in range(max(1, int(rate * seconds)))]
        return _run(connections, request_of(path), times)
    finally:
        for connection in connections:
            connection.close()


def _run(connections: list[socket.socket], request: bytes, times: list[float]) -> list[float]:
    idle = deque(connections)
    asked: dict[socket.socket, float] = {}
    received = dict.fromkeys(connections, b"")
    of_number = {connection.fileno(): connection for connection in connections}
    taken: list[float] = []
    with select.epoll() as readable:
        for number in of_number:
            readable.register(number, select.EPOLLIN)
        started = perf_counter()
        due = deque(started + time for time in times)
        last = due[-1]
        free_since = started  # since when there has been an idle connection
        while due or asked:
            now = perf_counter()
            while due and due[0] <= now and idle:
                connection, at = idle.popleft(), due.popleft()
                # That the client woke late is no fault of the server, that none was idle is.
                asked[connection] = at if at < free_since else now
                connection.sendall(request)
                now = perf_counter()
            if now > last + GRACE:
                raise ClientError(f"{len(asked) + len(due)} answers did not come in {GRACE:g} s")
            # Poll itself waits for whole milliseconds only, select to the microsecond.
            patience = max(0.0, due[0] - now) if due and idle else GRACE
            select.select([readable], [], [], patience)
            for number, _ in readable.poll(0):
                connection = of_number[number]
                data = connection.recv(65536)
                if not data:
                    raise ClientError("the server closed a connection")
                received[connection] += data
                if is_complete(received[connection]):
                    taken.append(perf_counter() - asked.pop(connection))
                    received[connection] = b""
                    if not idle:
                        free_since = perf_counter()
                    idle.append(connection)
    return taken
