"""The end of the process: what it waits for and how long, the receipt, and SIGTERM.

Workers are daemon threads, which an ending interpreter does not wait for. One thread that is no
daemon waits for the main thread to end and then drains with a deadline, so that exit is bounded
and every task that it leaves over is named.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from bgtasks_adapters.concurrency import run_in_daemon_thread, way_to_raise_in_main_thread
from bgtasks_adapters.events import logger
from bgtasks_adapters.exceptions import ProcessTerminated
from bgtasks_adapters.greenlets import are_threads_greenlets
from bgtasks_adapters.process import call_in_forked_child, ledger
from bgtasks_adapters.workers import thread_pool_class

if TYPE_CHECKING:
    from types import FrameType

    from bgtasks_adapters.process import Stats
    from bgtasks_adapters.settings import Settings


EXIT_GRACE_SECONDS = 10.0
"""What an exit at SIGTERM may take beyond ``shutdown_timeout``, before the process is killed."""


NAMES_IN_LOG = 100
"""How many names of left-over tasks the receipt's log line shows; its file has all of them."""


class Shutdown:
    """How this process ends, after the settings of all that run tasks in it."""

    def __init__(self) -> None:
        self._reset()
        self._is_fork_safe = False

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._last_watched: Settings | None = None
        self.timeout = 0.0
        self._receipts: set[str] = set()
        self._will_drain = False
        self._written: Stats | None = None

    def watch(self, settings: Settings) -> None:
        """Have the exit of this process wait for tasks, as these settings say."""
        if settings is self._last_watched and self._will_drain:
            return
        with self._lock:
            if not self._is_fork_safe:
                self._is_fork_safe = True
                call_in_forked_child(self._reset)
            self._last_watched = settings
            self.timeout = max(self.timeout, settings.shutdown_timeout)
            if settings.receipt is not None:
                self._receipts.add(os.fspath(settings.receipt))
            if not self._will_drain:
                thread_pool_class()
                self._will_drain = True
                self._drain_later()

    def _drain_later(self) -> None:
        """Have the tasks waited for when the main thread has ended, if it is not too late."""
        if are_threads_greenlets():
            # Not each kind of them can wait for the main thread to end. That one can wait for
            # them: while it does, they run.
            atexit.register(self._drain)
            return
        drainer = threading.Thread(
            target=self._drain_behind_main_thread, name="bgtasks-drainer", daemon=False
        )
        try:
            drainer.start()
        except RuntimeError:
            # Nothing can be waited for any more: the interpreter ends already.
            self._will_drain = False
            logger.debug("No thread could be started to wait for tasks")

    def _drain_behind_main_thread(self) -> None:
        threading.main_thread().join()
        self._drain()

    def _drain(self) -> None:
        if not ledger.wait_until_idle(self.timeout):
            leave_over_running(self.timeout)
        for response in ledger.open_responses():
            response.leave_over("the process ended before its response was complete")
        self.write_receipt()
        self._will_drain = False

    def kill_at_last(self, seconds: float, signum: int) -> None:
        """End this process by the signal, if it is still there after so many seconds.

        A thread that is not ours and no daemon can hold an exit for ever, where the signal
        without its handler would have ended the process at once.
        """
        threading.Event().wait(seconds)
        leave_over_running(seconds)
        self.write_receipt()
        os.kill(os.getpid(), signum)

    def write_receipt(self) -> None:
        """Log the counts of this process, once unless they changed; append them to files asked for.

        Only processes that had tasks write one.
        """
        counts = ledger.stats()
        if counts == self._written or not counts.added:
            return
        self._written = counts
        left_over = list(ledger.left_over)
        logger.log(
            logging.ERROR if left_over else logging.INFO,
            "Receipt of process %d: %s%s",
            os.getpid(),
            ", ".join(f"{count} {word}" for word, count in counts._asdict().items()),
            _left_over_in_words(left_over),
        )
        record = {
            "pid": os.getpid(),
            "time": time.time(),
            **counts._asdict(),
            "tasks_left_over": left_over,
        }
        for path in sorted(self._receipts):
            try:
                with open(path, "a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
            except OSError:
                logger.exception("The receipt could not be written to %s", path)


def _left_over_in_words(names: list[str]) -> str:
    if not names:
        return ""
    more = len(names) - NAMES_IN_LOG
    listed = ", ".join(names[:NAMES_IN_LOG])
    return f"; left over: {listed}{f' and {more} more' if more > 0 else ''}"


shutdown = Shutdown()


def leave_over_running(timeout: float) -> None:
    """Give up what still runs or waits, after ``timeout`` seconds of waiting for it."""
    for run in ledger.runs():
        run.leave_over(f"it had not ended {timeout:g} s after the shutdown began")


def handle_sigterm(settings: Settings) -> None:
    """Leave through ``SystemExit`` at SIGTERM, where the settings ask for it.

    Only the main thread may set a signal handler. With "auto" nothing is done where a server has
    a handler of its own: it ends its process in an orderly way. A second SIGTERM ends at once, and
    so does the first one ``EXIT_GRACE_SECONDS`` behind the shutdown's deadline.
    """
    if settings.handle_sigterm is False:
        return
    import signal

    previous = signal.getsignal(signal.SIGTERM)
    if previous is not signal.SIG_DFL and settings.handle_sigterm == "auto":
        return

    raise_in_main_thread = way_to_raise_in_main_thread()

    def leave(signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        if callable(previous):
            previous(signum, frame)
        deadline = max(settings.shutdown_timeout, shutdown.timeout) + EXIT_GRACE_SECONDS
        kill_at_last = partial(shutdown.kill_at_last, deadline, signum)
        run_in_daemon_thread(kill_at_last, "bgtasks-deadline")
        raise_in_main_thread(ProcessTerminated(128 + signum))

    try:
        signal.signal(signal.SIGTERM, leave)
    except ValueError:
        # The thread is asked by trying: eventlet has several objects for the main one.
        logger.debug("SIGTERM is not handled: the application was not loaded in the main thread")
