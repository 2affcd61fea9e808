"""The threads and the loop that tasks run on: lazy, bounded, daemon, and right after a fork.

Daemon, because a thread that is joined at exit without a deadline (those of concurrent.futures
and of anyio are) can hold the process for ever. What exit waits for, and how long, is decided in
``shutdown`` alone.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bgtasks_adapters import concurrency, greenlets, process
from bgtasks_adapters.concurrency import running_asyncio_loop
from bgtasks_adapters.events import logger

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from asyncio import Task as AsyncioTask
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future, ThreadPoolExecutor
    from typing import Protocol

    class Loop(Protocol):
        """Where ``async def`` tasks run."""

        def start(self, function: Callable[[], Coroutine[Any, Any, None]], /) -> object:
            """Run an async function as a task of its own; from any thread.

            Who calls this on the loop itself holds what is returned until the function has ended.
            Raises ``RuntimeError`` where the loop has ended.
            """

        def is_running_here(self, asyncio_loop: object) -> bool:
            """Tell whether this is the loop of this thread, where that one of asyncio runs."""
            ...

        def is_alive(self) -> bool:
            """Tell whether what is started here would run."""
            ...

        def outlive_the_server(self, seconds: float, /) -> None:
            """See that what was started here goes on, now that the main thread has ended."""

    _Job = tuple[Callable[[], object], bool]
    """What to call, and whether it was left to a thread that waits."""

T = TypeVar("T")

IDLE_SECONDS = 10.0
"""How long a thread waits for work before it ends, giving back what it holds (connections)."""


class Workers:
    """At most ``max_workers`` daemon threads that run jobs in the order of ``submit``."""

    def __init__(self, max_workers: int, idle_seconds: float = IDLE_SECONDS) -> None:
        self.max_workers = max_workers
        self._idle_seconds = idle_seconds
        self._reset()
        process.call_in_forked_child(self._reset)

    def _reset(self) -> None:
        # The steps of ``submit`` are single ones and may be interrupted by themselves: a garbage
        # collection may dispatch an abandoned response inside one of them.
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        # The threads that wait, less the jobs that were left to one, are as many as there are
        # tokens in the first, or are missing by the second; one of the two is always empty.
        self._idle: deque[None] = deque()
        self._owed = 0
        self._lock = threading.RLock()
        self._threads = 0

    def submit(self, job: Callable[[], object]) -> None:
        """Run ``job`` on a worker thread as soon as one is free; from any thread."""
        is_left_to_one = self._take_idle()
        self._jobs.put((job, is_left_to_one))
        if not is_left_to_one and self._threads < self.max_workers:
            self._add_thread()

    def _take_idle(self) -> bool:
        try:
            self._idle.pop()
        except IndexError:
            return False
        return True

    def _add_thread(self) -> None:
        with self._lock:
            if self._threads >= self.max_workers:
                return
            self._threads += 1
        try:
            concurrency.run_in_daemon_thread(self._work, "bgtasks-worker")
        except RuntimeError:
            # No thread can be started: the process is out of them, or the interpreter ends.
            with self._lock:
                self._threads -= 1
                if self._threads:
                    return
            self._run_jobs_here()

    def _run_jobs_here(self) -> None:
        while (job := self._next_job()) is not None:
            _run(job)

    def _work(self) -> None:
        while (job := self._next_job() or self._wait_for_job()) is not None:
            _run(job)
            del job  # its collection would live on while this thread waits
        for callback in list(_thread_end_callbacks):
            _run(callback)

    def _next_job(self) -> Callable[[], object] | None:
        try:
            job, is_left_to_one = self._jobs.get_nowait()
        except queue.Empty:
            return None
        if is_left_to_one:
            self._count_waiting()  # that one waits on, for another
        return job

    def _count_waiting(self) -> None:
        """Count a thread that waits, and that no job was left to."""
        with self._lock:
            if self._owed:
                self._owed -= 1
            else:
                self._idle.append(None)

    def _count_busy(self) -> bool:
        """Count it no longer; False if a job was left to it, which nobody waits for now."""
        with self._lock:
            was_free = self._take_idle()
            if not was_free:
                self._owed += 1
            return was_free

    def _wait_for_job(self) -> Callable[[], object] | None:
        """Wait for a job; None if none came and this thread is to end."""
        self._count_waiting()
        while True:
            try:
                job, is_left_to_one = self._jobs.get(timeout=self._idle_seconds)
            except queue.Empty:
                if self._is_superfluous():
                    return None
                continue
            if not is_left_to_one and not self._count_busy() and self._threads < self.max_workers:
                self._add_thread()  # for the job that was left to this thread, which is busy now
            return job

    def _is_superfluous(self) -> bool:
        """Take this thread from the count, unless a job is there or was left to it."""
        with self._lock:
            if not self._take_idle():
                return False
            # First the count and then the last look; who brings a job does it the other way round.
            self._threads -= 1
            if self._jobs.empty():
                return True
            self._threads += 1
            self._count_waiting()
            return False


_thread_end_callbacks: list[Callable[[], object]] = []


def call_at_thread_end(callback: Callable[[], object]) -> None:
    """Have ``callback`` called on each worker thread before it ends (close connections)."""
    if callback not in _thread_end_callbacks:
        _thread_end_callbacks.append(callback)


def can_start_threads() -> bool:
    """Tell whether threads can be started; Python 3.12 starts none when the main one has ended."""
    try:
        concurrency.run_in_daemon_thread(lambda: None, "bgtasks-probe")
    except RuntimeError:
        return False
    return True


def _run(job: Callable[[], object]) -> None:
    try:
        job()
    except BaseException:
        # Tasks report their own failures; this is a defect of ours or of an adapter, and must
        # not end the thread that other responses count on.
        logger.critical("A worker's job failed outside its tasks", exc_info=True)


class AsyncioLoop:
    """An asyncio loop on which tasks of their own are started, from any thread."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._tasks: set[AsyncioTask[None]] = set()

    def is_running_here(self, asyncio_loop: object) -> bool:
        return asyncio_loop is self.loop

    def is_alive(self) -> bool:
        return self.loop.is_running()

    def start(self, function: Callable[[], Coroutine[Any, Any, None]], /) -> object:
        if running_asyncio_loop() is self.loop:
            return self.loop.create_task(function())
        self.loop.call_soon_threadsafe(self._start_held, function)
        return None

    def _start_held(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        # Held here, because the loop itself holds its tasks only weakly.
        task = self.loop.create_task(function())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def outlive_the_server(self, seconds: float, /) -> None:
        """Run the loop on, on a daemon thread, where its server stopped it and left it open.

        Servers without lifespan do so, and what waits on the loop would wait for ever. Python 3.12
        starts no thread any more by then: there it runs on this one, for so many seconds at most.
        """
        if self.loop.is_running() or self.loop.is_closed():
            return
        executor = _new_executor()
        if executor is not None:
            self.loop.set_default_executor(executor)
        is_running = threading.Event()

        def run() -> None:
            try:
                self.loop.run_forever()
            finally:
                is_running.set()

        self.loop.call_soon_threadsafe(is_running.set)
        try:
            concurrency.run_in_daemon_thread(run, "bgtasks-left-loop")
        except RuntimeError:
            self._run_here(seconds)
        else:
            is_running.wait()

    def _run_here(self, seconds: float) -> None:
        stop = partial(self.loop.call_soon_threadsafe, self.loop.stop)
        process.ledger.call_when_idle(stop)
        self.loop.call_later(seconds, self.loop.stop)
        self.loop.run_forever()


class LoopThread:
    """The one loop of a process whose server has none (WSGI), on a daemon thread of its own."""

    def __init__(self) -> None:
        self._reset()
        process.call_in_forked_child(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._loop: AsyncioLoop | None = None

    def start(self, function: Callable[[], Coroutine[Any, Any, None]], /) -> object:
        try:
            loop = self._running_loop()
        except RuntimeError:
            # No thread can be started any more: the interpreter ends. So here, to the end.
            ending = _new_loop()
            ending.run_until_complete(function())
            ending.close()
            return None
        return loop.start(function)

    def is_running_here(self, asyncio_loop: object) -> bool:
        return self._loop is not None and self._loop.is_running_here(asyncio_loop)

    def is_alive(self) -> bool:
        return True

    def outlive_the_server(self, seconds: float, /) -> None:
        """Do nothing: it is no server's."""

    def _running_loop(self) -> AsyncioLoop:
        with self._lock:
            if self._loop is None:
                loop = _new_loop()
                try:
                    concurrency.run_in_daemon_thread(loop.run_forever, "bgtasks-loop")
                except RuntimeError:
                    loop.close()
                    raise
                self._loop = AsyncioLoop(loop)
            return self._loop


def _new_loop() -> AbstractEventLoop:
    import asyncio

    is_in_company = greenlets.are_threads_greenlets()
    loop = greenlets.new_loop() if is_in_company else asyncio.new_event_loop()
    executor = _new_executor()
    if executor is not None:
        loop.set_default_executor(executor)
    return loop


def thread_pool_class() -> type[ThreadPoolExecutor] | None:
    """Import the class of thread pools; None where Python does not allow it any more.

    Once the main thread has ended it cannot be imported, so it is when the first task comes.
    """
    try:
        from concurrent.futures import ThreadPoolExecutor
    except RuntimeError:
        return None
    return ThreadPoolExecutor


def _new_executor() -> ThreadPoolExecutor | None:
    """Make the executor for what our loop runs on threads: name look-ups, ``asyncio.to_thread``.

    Those of concurrent.futures refuse work once the main thread has ended, which is when tasks
    that are waited for still need them.
    """
    pool_class = thread_pool_class()
    if pool_class is None:
        logger.debug("The loop has no threads: the process was ending when it was first needed")
        return None
    from concurrent.futures import Future

    class WorkersExecutor(pool_class):  # type: ignore[misc,valid-type]
        def __init__(self) -> None:
            super().__init__(max_workers=1)  # of which none is ever started
            self._threads_for_calls = Workers(min(32, (os.cpu_count() or 1) + 4))

        def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
            future: Future[T] = Future()
            call = partial(fn, *args, **kwargs)
            self._threads_for_calls.submit(partial(concurrency.fulfil, future, call))
            return future

    return WorkersExecutor()


class _Shared:
    """What all responses of this process share."""

    def __init__(self) -> None:
        self.workers: dict[int, Workers] = {}
        self.loop_thread: LoopThread | None = None
        self.renew_lock()
        self.is_fork_safe = False

    def renew_lock(self) -> None:
        self.lock = threading.Lock()

    def __enter__(self) -> None:
        self.lock.acquire()
        if not self.is_fork_safe:
            self.is_fork_safe = True
            process.call_in_forked_child(self.renew_lock)

    def __exit__(self, *error: object) -> None:
        self.lock.release()


_shared = _Shared()


def workers_of(max_workers: int) -> Workers:
    """Return the process's workers of this limit; all users of one limit share them."""
    workers = _shared.workers.get(max_workers)
    if workers is None:
        with _shared:
            workers = _shared.workers.get(max_workers) or Workers(max_workers)
            _shared.workers[max_workers] = workers
    return workers


def loop_thread() -> LoopThread:
    """Return the process's own loop, for async tasks where the server has none."""
    if _shared.loop_thread is None:
        with _shared:
            if _shared.loop_thread is None:
                _shared.loop_thread = LoopThread()
    return _shared.loop_thread
