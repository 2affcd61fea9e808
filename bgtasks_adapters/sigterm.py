"""SIGTERM where nobody handles it: the process ends as it was told to, but its tasks first.

Python runs a signal's handler on the main thread, between two steps of whatever runs there.
Elsewhere it may not even be set.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from bgtasks_adapters.concurrency import (
    is_on_loop,
    run_in_daemon_thread,
    running_asyncio_loop,
    way_to_raise_in_main_thread,
)
from bgtasks_adapters.events import logger
from bgtasks_adapters.exceptions import ProcessTerminated
from bgtasks_adapters.greenlets import are_threads_greenlets
from bgtasks_adapters.process import ledger
from bgtasks_adapters.shutdown import leave_over_running, shutdown

if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from bgtasks_adapters.settings import Settings


EXIT_GRACE_SECONDS = 10.0
"""What an exit at SIGTERM may take beyond ``shutdown_timeout``, before the process is killed."""


REPEAT_SECONDS = 1.0
"""Signals that come within this time of the first are the same wish told twice.

A supervisor signals each process of a group, and a parent passes on to its children what it got;
one that ends terminates them once more (multiprocessing).
"""


def handle_sigterm(settings: Settings) -> None:
    """Leave through ``SystemExit`` at SIGTERM, where the settings ask for it.

    Only the main thread may set a signal handler. With "auto" nothing is done where there is a
    handler already: it ends its process in an orderly way. With True that one is called first. A
    second SIGTERM ends at once, and so does the first one ``EXIT_GRACE_SECONDS`` behind the
    shutdown's deadline.
    """
    if settings.handle_sigterm is False:
        return
    previous = signal.getsignal(signal.SIGTERM)
    if isinstance(previous, _Leave):
        return  # of another middleware of this process
    try:
        # What is there already, again, to learn whether this thread may: where threads are
        # greenlets, there are several objects for the main one.
        signal.signal(signal.SIGTERM, previous)
    except ValueError:
        _say_that_it_is_not_handled(is_deadly=previous is signal.SIG_DFL)
        return
    if previous is signal.SIG_DFL or settings.handle_sigterm is True:
        signal.signal(signal.SIGTERM, _Leave(settings, previous))


def _say_that_it_is_not_handled(*, is_deadly: bool) -> None:
    said = "SIGTERM is not handled: the application was not loaded in the main thread. "
    if is_deadly:
        logger.warning(said + "A SIGTERM ends this process at once, and its tasks are lost")
    else:
        logger.info(
            said + "What becomes of tasks then is up to the handler that is there; a reloader that "
            "is told to end kills this process"
        )


class _Leave:
    """The handler: end the process in order, and bound the time that this may take."""

    def __init__(self, settings: Settings, previous: Any) -> None:
        self._settings = settings
        self._previous = previous
        self._raise_in_main_thread = way_to_raise_in_main_thread()
        self._repeats_until: float | None = None
        self._is_told_by_itself = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self._repeats_until is None:
            self._repeats_until = time.monotonic() + REPEAT_SECONDS
            if callable(self._previous):
                self._previous(signum, frame)
            run_in_daemon_thread(partial(self._kill_at_last, signum), "bgtasks-deadline")
            if _interrupts_a_loop() and ledger.runs() and not shutdown.is_left_to_the_server:
                # An exception would end the loop that they run on, or that they come back to.
                run_in_daemon_thread(
                    partial(self._tell_again_behind_runs, signum), "bgtasks-sigterm"
                )
                return
        elif self._is_told_by_itself:
            self._is_told_by_itself = False
        elif time.monotonic() < self._repeats_until:
            return
        else:
            _end_at_once(signum)
        if not shutdown.is_left_to_the_server:
            self._leave(signum)

    def _leave(self, signum: int) -> None:
        """End the process, wherever its main thread stands."""
        error = ProcessTerminated(128 + signum)
        if not _interrupts_a_loop():
            self._raise_in_main_thread(error)
        elif (loop := running_asyncio_loop()) is not None:
            # From a step of its own: inside a coroutine's, a group of tasks would make it a
            # failure.
            loop.call_soon_threadsafe(self._raise_in_main_thread, error)
        else:
            # trio takes an exception that comes from nowhere for a defect of its own.
            shutdown.give_up_the_rest()
            _end_at_once(signum)

    @property
    def _timeout(self) -> float:
        return max(self._settings.shutdown_timeout, shutdown.timeout)

    def _tell_again_behind_runs(self, signum: int) -> None:
        if not ledger.wait_until_idle(self._timeout):
            leave_over_running(self._timeout)
        if threading.main_thread().is_alive():
            self._is_told_by_itself = True
            os.kill(os.getpid(), signum)

    def _kill_at_last(self, signum: int) -> None:
        """End this process by the signal, if it is still there when its time is over.

        A thread that is not ours and no daemon can hold an exit for ever, where the signal
        without its handler would have ended the process at once.
        """
        seconds = self._timeout + EXIT_GRACE_SECONDS
        threading.Event().wait(seconds)
        leave_over_running(seconds)
        shutdown.write_receipt()
        self._repeats_until = 0.0
        os.kill(os.getpid(), signum)
        # The handler needs the main thread, which may be deep in something that is not Python's.
        threading.Event().wait(REPEAT_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)


def _interrupts_a_loop() -> bool:
    """Tell whether the main thread is the one that runs an event loop."""
    return is_on_loop() and not are_threads_greenlets()


def _end_at_once(signum: int) -> None:
    signal.signal(signum, signal.SIG_DFL)
    signal.raise_signal(signum)
