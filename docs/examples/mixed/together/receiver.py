"""The world outside: takes mails, digests and webhooks, and notes when each came, and from whom."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATIENCE = 30.0


@dataclass(frozen=True)
class Delivery:
    """One POST: the service that sent it, what kind it is, and what was in it."""

    service: str
    kind: str
    content: dict[str, Any]
    came_at: float

    def __str__(self) -> str:
        return f"{self.kind} {' '.join(map(str, self.content.values()))}"


class Receiver:
    """A server on a free port of 127.0.0.1 that answers POST /<service>/<kind>.

    ``answer`` decides on each delivery, on a thread of its own: it may take its time, and
    returns the status.
    """

    def __init__(self, answer: Callable[[Delivery], int] = lambda delivery: 204) -> None:
        self._deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                _, service, kind = self.path.split("/")
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                delivery = Delivery(service, kind, content, time.monotonic())
                receiver._note(delivery)
                self.send_response(answer(delivery))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing; what came is noted."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def of(self, service: str) -> list[Delivery]:
        """Return what came from a service so far, in the order of its coming."""
        return [delivery for delivery in list(self._deliveries) if delivery.service == service]

    def wait_for(self, service: str, count: int) -> list[Delivery]:
        """Return the deliveries of a service once there are so many; fail if they do not come."""
        with self._changed:
            have_come = self._changed.wait_for(lambda: len(self.of(service)) >= count, PATIENCE)
        came = self.of(service)
        if not have_come:
            raise TimeoutError(f"{service}: waited for {count} deliveries, there are {len(came)}")
        return came

    def _note(self, delivery: Delivery) -> None:
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify_all()
