"""The columns that HTTP/2 has, measured with a client that is told of each frame."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import h2.config
import h2.connection
import h2.events

from bgtasks_adapters.doctor.client import PATIENCE, IncompleteResponseError
from bgtasks_adapters.doctor.columns import KINDS, Finding, Word, fate_of_held
from bgtasks_adapters.doctor.target import Target, new_visit
from bgtasks_adapters.probes import PIECE, PIECES, Probe


@dataclass
class Stream:
    """What has come of one response."""

    status: int = 0
    size: int = 0
    is_ended: bool = False


class Http2Connection:
    """One connection without TLS, to a server that is known to speak HTTP/2."""

    def __init__(self, target: Target, pause: float = 0.0) -> None:
        self._target = target
        self._pause = pause
        address = (target.address.host, target.address.port)
        self._socket = socket.create_connection(address, timeout=PATIENCE)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._h2.initiate_connection()
        self._streams: dict[int, Stream] = {}
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def ask(self, probe: Probe, method: str = "GET") -> Stream:
        """Send a request and return its response as soon as its stream has ended."""
        number: int = self._h2.get_next_available_stream_id()
        self._streams[number] = Stream()
        headers = [
            (":method", method),
            (":scheme", "http"),
            (":authority", self._target.address.host_header),
            (":path", self._target.path),
            *((name.lower(), value) for name, value in self._target.headers(probe).items()),
        ]
        self._h2.send_headers(number, headers, end_stream=True)
        self._flush()
        while not self._streams[number].is_ended:
            self._receive()
        return self._streams[number]

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise IncompleteResponseError(f"held: {PATIENCE} s without another frame") from None
        if not data:
            raise IncompleteResponseError("the connection ended before the stream did")
        for event in self._h2.receive_data(data):
            self._note(event)
        self._flush()
        if self._pause:
            time.sleep(self._pause)

    def _note(self, event: Any) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            headers = dict(event.headers)
            self._streams[event.stream_id].status = int(headers[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            self._streams[event.stream_id].size += len(event.data)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._streams[event.stream_id].is_ended = True
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            raise IncompleteResponseError(f"the server ended it: {event!r}")

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())


@dataclass(frozen=True)
class _Exchange:
    column: str
    page: str
    status: int = 200
    method: str = "GET"
    pause: float = 0.0
    size: int | None = None


EXCHANGES = (
    _Exchange("Content-Length", "length"),
    _Exchange("unknown length", "stream"),
    _Exchange("HEAD", "length", method="HEAD"),
    _Exchange("204", "empty", 204),
    _Exchange("302", "redirect", 302),
    _Exchange("304", "unchanged", 304),
    _Exchange("8 MB, slow reader", "large", pause=0.002, size=len(PIECE) * PIECES),
    _Exchange("file", "file", size=len(PIECE)),
)


def measure(target: Target) -> Iterator[Finding]:
    """Measure one connection an exchange, and one on which the next request comes meanwhile."""
    for exchange in EXCHANGES:
        for kind in KINDS:
            yield Finding(exchange.column, kind, *_fate(target, exchange, kind))
    for kind in KINDS:
        visit = new_visit()
        with Http2Connection(target) as connection:
            connection.ask(Probe("length", visit, kind))
            connection.ask(Probe("hello"))
            word, detail = fate_of_held(target, visit)
        yield Finding("next request", kind, "served" if word == "free" else word, detail)


def _fate(target: Target, exchange: _Exchange, kind: str) -> tuple[Word, str]:
    visit = new_visit()
    with Http2Connection(target, exchange.pause) as connection:
        response = connection.ask(Probe(exchange.page, visit, kind), exchange.method)
        word, detail = fate_of_held(target, visit)
    assert response.status == exchange.status
    if exchange.size is not None and response.size != exchange.size:
        return "no end", f"{response.size} of {exchange.size} bytes came"
    return word, detail
