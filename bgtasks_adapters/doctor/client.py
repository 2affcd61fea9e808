"""An HTTP/1 client on a raw socket that reads the framing itself.

Libraries for HTTP wait for more than the response, or hide when it was complete. This one knows
the byte with which a response is complete, and reads no further.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import Literal, Self

PATIENCE = 10.0
"""How long the next bytes of a response may take, in seconds."""

FramingName = Literal["none", "content-length", "chunked", "close"]


class IncompleteResponseError(Exception):
    """The complete response was not with the client within its patience."""


@dataclass(frozen=True)
class Head:
    """The status and the headers (names in lower case) of a response."""

    status: int
    headers: dict[str, str]

    def framing(self, method: str) -> FramingName:
        """Say how the end of the body is known (RFC 9112, section 6.3)."""
        if method == "HEAD" or self.status in (204, 304):
            return "none"
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return "chunked"
        if "content-length" in self.headers:
            return "content-length"
        return "close"


@dataclass(frozen=True)
class Response:
    """A complete response."""

    status: int
    headers: dict[str, str]
    body: bytes
    framing: FramingName

    @property
    def keeps_alive(self) -> bool:
        """Whether the server lets the connection be used again, after HTTP/1.1."""
        return self.framing != "close" and self.headers.get("connection", "").lower() != "close"


@dataclass(frozen=True)
class Address:
    """Where a server listens, over TLS or not."""

    host: str
    port: int
    is_tls: bool = False

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == (443 if self.is_tls else 80)
        return name if is_usual else f"{name}:{self.port}"


class Connection:
    """One connection to a server, for one request after another."""

    def __init__(self, address: Address, *, patience: float = PATIENCE, pause: float = 0.0) -> None:
        """Connect; ``pause`` seconds behind each piece that is received make a slow reader."""
        self._address = address
        self._pause = pause
        self._socket = socket.socket(
            socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM
        )
        self._socket.settimeout(patience)
        if pause:  # before the connection: the window of a slow reader must stay small
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        try:
            self._socket.connect((address.host, address.port))
            if address.is_tls:
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=address.host)
        except OSError:
            self._socket.close()
            raise
        self._received = bytearray()
        self._method = "GET"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def ask(
        self,
        target: str,
        *,
        method: str = "GET",
        version: str = "1.1",
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send a request and return its response as soon as that is complete."""
        self.send(target, method=method, version=version, headers=headers)
        return self.read_response()

    def send(
        self,
        target: str,
        *,
        method: str = "GET",
        version: str = "1.1",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a request without a body."""
        lines = [f"{method} {target} HTTP/{version}", f"Host: {self._address.host_header}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._method = method
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))

    def read_response(self) -> Response:
        """Read up to the last byte of the response, not further."""
        head = self.read_head()
        framing = head.framing(self._method)
        return Response(head.status, head.headers, self._take_body(head, framing), framing)

    def read_head(self) -> Head:
        """Read the status line and the headers."""
        status_line = self._take_line()
        headers: dict[str, str] = {}
        while line := self._take_line():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return Head(int(status_line.split()[1]), headers)

    def read_until(self, part: bytes) -> None:
        """Read until a part of the body has come, whatever the framing."""
        while part not in self._received:
            self._receive(f"the part {part[:20]!r} of the body")

    def wait_for_end(self) -> None:
        """Wait until the server closes the connection, which has nothing more to say."""
        rest = self._take_rest()
        assert rest == b"", f"more than a response: {rest!r}"

    def abort(self) -> None:
        """Leave at once: the server sees a reset, not an orderly end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _take_body(self, head: Head, framing: FramingName) -> bytes:
        match framing:
            case "none":
                return b""
            case "content-length":
                return self._take(int(head.headers["content-length"]))
            case "chunked":
                return self._take_chunks()
            case "close":
                return self._take_rest()

    def _take_chunks(self) -> bytes:
        pieces: list[bytes] = []
        while size := int(self._take_line().partition(";")[0], 16):
            pieces.append(self._take(size))
            assert self._take_line() == "", "a chunk is longer than its size"
        while self._take_line():  # trailers, and the empty line that ends the response
            pass
        return b"".join(pieces)

    def _take_rest(self) -> bytes:
        while self._receive("the end of the connection", may_end=True):
            pass
        return self._cut(len(self._received))

    def _take_line(self) -> str:
        while b"\r\n" not in self._received:
            self._receive("the end of a line")
        line = self._cut(self._received.index(b"\r\n") + 2)
        return line[:-2].decode("latin-1")

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._receive(f"{size} bytes of the body")
        return self._cut(size)

    def _cut(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _receive(self, awaited: str, *, may_end: bool = False) -> bool:
        try:
            received = self._socket.recv(65536)
        except TimeoutError:
            patience = self._socket.gettimeout()
            message = f"held: after {patience} s without {awaited}; unread: {self._unread()}"
            raise IncompleteResponseError(message) from None
        if not received and not may_end:
            message = f"the connection ended before {awaited}; unread: {self._unread()}"
            raise IncompleteResponseError(message)
        self._received += received
        if self._pause:
            time.sleep(self._pause)
        return bool(received)

    def _unread(self) -> str:
        return f"{bytes(self._received[:200])!r} ({len(self._received)} bytes)"
