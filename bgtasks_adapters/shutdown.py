"""The end of the process: what it waits for and how long, and the receipt.

Workers are daemon threads, which an ending interpreter does not wait for. One thread that is no
daemon waits for the main thread to end and then drains with a deadline, so that exit is bounded
and every task that it leaves over is named.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import TYPE_CHECKING

from bgtasks_adapters.events import logger
from bgtasks_adapters.greenlets import are_threads_greenlets
from bgtasks_adapters.process import call_in_forked_child, ledger
from bgtasks_adapters.workers import can_start_threads, thread_pool_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from bgtasks_adapters.process import Stats
    from bgtasks_adapters.settings import Settings


LAST_STEP_SECONDS = 2.0
"""What is written down behind the last task may take so long."""
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
        self._orderly_ends: set[object] = set()
        self._last_steps: list[Callable[[float], object]] = []

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
                self.write_receipt_to(settings.receipt)
            if not self._will_drain:
                thread_pool_class()
                self._will_drain = True
                self._drain_later()

    def write_receipt_to(self, path: str | os.PathLike[str]) -> None:
        """Have this process append its receipt to this file, too."""
        self._receipts.add(os.fspath(path))

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
        deadline = time.monotonic() + self.timeout
        open_responses = ledger.open_responses()
        if open_responses and can_start_threads():  # else tasks would run here, without a deadline
            for response in open_responses:
                response.end_with_process()
        for run in ledger.runs():
            run.outlive_the_server(max(0.0, deadline - time.monotonic()))
        if not ledger.wait_until_idle(max(0.0, deadline - time.monotonic())):
            leave_over_running(self.timeout)
        self.give_up_the_rest()
        self._will_drain = False

    @property
    def is_left_to_the_server(self) -> bool:
        """Tell whether a server is in the middle of an orderly end, which drains."""
        return bool(self._orderly_ends)

    def begin_orderly_end(self, lifespan: object) -> None:
        """Note that a server has begun to end, and waits for this lifespan."""
        self._orderly_ends.add(lifespan)

    def end_orderly_end(self, lifespan: object) -> None:
        """Note that a server no longer waits for this lifespan."""
        self._orderly_ends.discard(lifespan)

    def give_up_the_rest(self) -> None:
        """Report tasks whose response was never complete, and write the receipt."""
        for response in ledger.open_responses():
            response.leave_over("the process ended before its response was complete")
        self.write_receipt()

    def call_at_end(self, step: Callable[[float], object]) -> None:
        """Have a step called before each receipt, with the seconds that it may take."""
        self._last_steps.append(step)

    def write_receipt(self) -> None:
        """Log the counts of this process, once unless they changed; append them to files asked for.

        Only processes that had tasks write one.
        """
        for step in self._last_steps:
            step(LAST_STEP_SECONDS)
        counts = ledger.stats()
        if counts == self._written or not counts.added:
            return
        self._written = counts
        import json  # both are slow to import
        import logging

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
