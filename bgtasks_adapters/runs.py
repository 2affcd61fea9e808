"""The runs of a response that are due together, and the three ways to drive them to their end.

Usually that is one run. A concurrent collection has one for each task, and they start together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgtasks_adapters.concurrency import is_on_loop, running_asyncio_loop
from bgtasks_adapters.process import ledger

if TYPE_CHECKING:
    from typing import Protocol

    from bgtasks_adapters.activity import Activity
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.fates import Fates
    from bgtasks_adapters.runner import Response as ResponseOfRun
    from bgtasks_adapters.runner import Run
    from bgtasks_adapters.surroundings import TestThread, ToThread
    from bgtasks_adapters.tasks import BackgroundTask

    class Response(ResponseOfRun, Protocol):
        """What is asked of the response whose runs they are; see ``dispatch.ResponseScope``."""

        concurrent: bool

        @property
        def fates(self) -> Fates: ...

        @property
        def activity(self) -> Activity: ...

        @property
        def is_captured(self) -> bool: ...


class Runs:
    """Runs of one response that are due."""

    def __init__(self, response: Response, runs: list[Run]) -> None:
        self._response = response
        self._runs = runs

    def start(self) -> None:
        """Start them on the workers and the loop; return at once."""
        for run in self._runs:
            run.start()

    def run_here(self) -> None:
        """Run them within the calling thread's time."""
        test_thread = self._test_thread()
        if test_thread is not None and not is_on_loop():
            test_thread.wait_for(self.run_awaited)
        elif self._response.concurrent:
            self.start()
            self._response.activity.wait_here()
        else:
            for run in self._runs:
                run.run_here()

    def run_late_here(self) -> None:
        """Do the same with late ones, which may have been added by a task of the others."""
        if self._response.concurrent:  # so those are not waited for
            for run in self._runs:
                run.run_here()
        else:
            self.run_here()

    async def run_awaited(self, to_thread: ToThread | None = None) -> None:
        """Run them within the calling coroutine; ``def`` tasks through ``to_thread``.

        By default that is anyio's, or where tasks are captured the test's own thread, if the host
        has such a one.
        """
        if self._response.concurrent or self._belong_to_another_loop():
            self.start()
            await self._response.activity.wait()
            return
        for run in self._runs:
            await run.run_awaited(to_thread or self._to_thread())

    # What is asked of those that a captor keeps.

    def unfinished_tasks(self) -> list[BackgroundTask]:
        return [task for run in self._runs for task in run.unfinished_tasks()]

    def is_kept_for(self, task: BackgroundTask) -> bool:
        """Tell whether a task is among them."""
        return any(task in run.tasks for run in self._runs)

    def note_kept(self) -> None:
        """Have ``drain()`` not wait for them."""
        for run in self._runs:
            ledger.finish(run)

    def has_loop(self) -> bool:
        """Tell whether there is a loop for async tasks: theirs, or whichever will do."""
        loop = self._response.loop
        return loop is None or loop.is_alive() or self._test_thread() is not None

    def give_up(self, fate: Fate, reason: str) -> None:
        """Settle all tasks that have not ended."""
        for task in self.unfinished_tasks():
            self._response.fates.settle(task, fate, reason=reason)

    def _belong_to_another_loop(self) -> bool:
        # Only where a test runs later what it has captured.
        loop = self._response.loop
        if not self._response.is_captured or loop is None or self._test_thread() is not None:
            return False
        return not loop.is_running_here(running_asyncio_loop())

    def _test_thread(self) -> TestThread | None:
        if not self._response.is_captured:
            return None
        found = (host.test_thread() for host in self._response.hosts)
        return next((thread for thread in found if thread is not None), None)

    def _to_thread(self) -> ToThread:
        test_thread = self._test_thread()
        if test_thread is not None:
            return test_thread.to_thread
        import anyio.to_thread

        return anyio.to_thread.run_sync
