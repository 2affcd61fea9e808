"""What stands between an engine and its broker, and answers as slowly as it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable


class Proxy:
    """Listens on a port of 127.0.0.1 and passes on what comes, to and from a server.

    Without a server it accepts connections and never answers.
    """

    def __init__(self, server: int | None, delay: float = 0) -> None:
        self._server = server
        self._delay = delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.may_answer = threading.Event()
        """Until it is set, each answer waits."""
        self.may_answer.set()
        self._kept: list[socket.socket] = []  # or they would be closed
        self._begin(self._accept)

    def _accept(self) -> None:
        while True:
            client = self._listener.accept()[0]
            self._kept.append(client)
            if self._server is not None:
                server = socket.create_connection(("127.0.0.1", self._server))
                self._begin(self._pass_on, client, server)
                self._begin(self._answer, server, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def _answer(self, source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            self.may_answer.wait()
            threading.Event().wait(self._delay)
            target.sendall(data)

    def _begin(self, target: Callable[..., None], *args: socket.socket) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()
