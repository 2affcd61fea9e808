"""A response that nobody ended: its tasks are started all the same, and it is said once why.

Nobody ends it where a server or a bridge does not call ``close()``, or where a framework drops the
response of a client that left. Python then drops it, too, and that is when its tasks start.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from bgtasks_adapters.events import logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.tasks import BackgroundTask

    class Response(Protocol):
        """What is asked of a response that was dropped; see ``dispatch.ResponseScope``."""

        runs_if_dropped: bool
        """Whether its tasks run then; else they are skipped."""

        drop_notice: str | None
        """What its adapter knows of one that never ends a response; said if this one is dropped.

        Such a one drops all of them, so that being dropped tells nothing of the client.
        """

        def unfinished_tasks(self) -> Sequence[BackgroundTask]: ...

        def note_end(self, *, error: BaseException | None, is_disconnected: bool) -> bool: ...

        def withdraw_all(self, fate: Fate, reason: str, /) -> None: ...

        def start(self) -> None: ...


_DROPPED = (
    "A response with background tasks was dropped without being closed: by its server or "
    "framework, because the client left, by a bridge between WSGI and ASGI, or by a test client "
    "(Flask's needs buffered=True). Its tasks are dispatched now"
)


def abandon(response: Response, error: BaseException | None = None) -> None:
    """Start the tasks of a response that is gone without having been ended; say so.

    Called when Python drops the response, so the tasks never run on this thread: it may be
    anybody's. ``error`` is what the application raised while its body was sent.
    """
    is_disconnected = error is None and response.drop_notice is None
    if not response.unfinished_tasks() or not response.note_end(
        error=error, is_disconnected=is_disconnected
    ):
        return
    if not response.runs_if_dropped:
        response.withdraw_all("skipped", "its response was never closed")
    elif sys.is_finalizing():
        response.withdraw_all("left_over", "the process ended before its response was complete")
    else:
        _say(response.drop_notice or _DROPPED)
        response.start()


_said: dict[tuple[int, str], object] = {}


def _say(notice: str) -> None:
    """Log a notice as a warning, once in each process; then for debugging.

    Once, because a bridge says it with its first response, and what clients do that leave is
    no defect of this process.
    """
    mine = object()
    # One step, so that of two threads only one is the first.
    is_first = _said.setdefault((os.getpid(), notice), mine) is mine
    if is_first:
        logger.warning("%s. This is said once; later ones are logged for debugging.", notice)
    else:
        logger.debug("%s (again)", notice)
