"""One log record a process, at its start: which server was found, and how it ends with tasks.

It is a warning where this configuration loses tasks. Said while a server loads the application or,
where that tells too little, at the begin of the lifespan or at the first request; never by a
process that only imports the application.
"""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING

from bgtasks_adapters.events import logger
from bgtasks_adapters.servers import TESTS, UNKNOWN, Sighting, call_stack, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bgtasks_adapters.servers import Interface, Server
    from bgtasks_adapters.settings import Settings


class Announcement:
    """The one record that a process, and what is forked from it, logs of its server."""

    def __init__(self) -> None:
        self.is_due = True
        self._lock = threading.Lock()

    def at_load(self, settings: Settings, interface: Interface) -> None:
        """Log it while the application is made, if a server is seen that says enough by now.

        Nothing in a process that only imports the application. With a lifespan one waits for
        that: whether it comes is what counts.
        """
        sighting = Sighting(settings, interface, call_stack())
        server = recognise(sighting)
        if server is None or (interface == "ASGI" and server.has_lifespan):
            return
        self._log(server, sighting)

    def at_use(
        self,
        settings: Settings,
        interface: Interface,
        *,
        has_lifespan: bool = False,
        has_boundary: bool = True,
    ) -> None:
        """Log it at the lifespan's begin or at the first request, if it was not logged before."""
        sighting = Sighting(settings, interface, call_stack(), has_lifespan, has_boundary)
        self._log(recognise(sighting) or UNKNOWN, sighting)

    def _log(self, server: Server, sighting: Sighting) -> None:
        with self._lock:
            is_due, self.is_due = self.is_due, False
        if not is_due or server is TESTS:
            return
        worker = server.worker(sighting)
        losses = list(_losses(server, sighting))
        logger.log(
            logging.WARNING if losses else logging.INFO,
            "Tasks run after the responses of %s%s. %s.%s",
            server.name,
            f" ({worker})" if worker else "",
            _drain_in_words(server, sighting),
            f" Tasks can be lost here: {'; '.join(losses)}." if losses else "",
        )


announcement = Announcement()


def _losses(server: Server, sighting: Sighting) -> Iterator[str]:
    if sighting.settings.executor == "inline":
        return
    yield from server.losses(sighting)
    if sighting.interface == "ASGI" and not sighting.has_boundary:
        yield (
            "only the middleware is installed, so nothing waits for async def tasks at the "
            "server's end: serve the drop-in get_asgi_application() of bgtasks_adapters.django.asgi"
        )
    if _is_killed_by_sigterm(server, sighting):
        yield (
            "SIGTERM kills this process at once: load the application in the main thread, and do "
            "not set handle_sigterm to False"
        )


def _is_killed_by_sigterm(server: Server, sighting: Sighting) -> bool:
    is_default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    return server.is_killed_by_sigterm and is_default and sighting.interface == "WSGI"


def _drain_in_words(server: Server, sighting: Sighting) -> str:
    if sighting.settings.executor == "inline":
        return "They run within the request"
    if sighting.has_lifespan:
        return f"The shutdown of its lifespan waits up to {sighting.seconds} for them"
    if sighting.interface == "ASGI" and sighting.has_boundary:
        return "A request waits for its own, and the end of the process for all"
    if server.is_killed_by_sigterm and not _is_killed_by_sigterm(server, sighting):
        return f"SIGTERM is made an orderly end, which waits up to {sighting.seconds} for them"
    return f"The end of a process waits up to {sighting.seconds} for them"
