"""What a Django task needs around it: language, time zone, URL prefix, clean connections.

A task runs on another thread than its view, where Django's own per-request state is unset and
where nobody else would close a database connection.
"""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext
from django.urls import get_script_prefix, get_urlconf, set_script_prefix, set_urlconf
from django.utils import timezone, translation

from bgtasks_adapters.concurrency import fulfil
from bgtasks_adapters.django.arguments import argument_rules
from bgtasks_adapters.django.commits import CommitHold, hold_of_open_transactions
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.connections import ConnectionCare, clean_connections
from bgtasks_adapters.django.testcase import test_thread
from bgtasks_adapters.surroundings import HostContext
from bgtasks_adapters.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from datetime import tzinfo

    from bgtasks_adapters.surroundings import TestThread
    from bgtasks_adapters.tasks import BackgroundTask
    from bgtasks_adapters.workers import Workers

T = TypeVar("T")


class _Captured(NamedTuple):
    language: str | None
    time_zone: tzinfo
    script_prefix: str
    urlconf: str | None


class DjangoContext(HostContext):
    """Django's surroundings of tasks."""

    def capture(self, task: BackgroundTask, /) -> _Captured:
        argument_rules.check(task)
        return _Captured(
            translation.get_language(),
            timezone.get_current_timezone(),
            get_script_prefix(),
            get_urlconf(),
        )

    def hold(self, task: BackgroundTask, /) -> CommitHold | None:
        return hold_of_open_transactions()

    def trip(self) -> _Trip:
        return _Trip()

    def async_trip(self) -> _AsyncTrip:
        return _AsyncTrip()

    def test_thread(self) -> TestThread:
        return test_thread


django_context = DjangoContext()


class _Trip:
    """A leg of ``def`` tasks: usable connections for each, none left open too long behind it."""

    def __init__(self) -> None:
        self._care = ConnectionCare()

    def __enter__(self) -> _Trip:
        self._care.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._care.__exit__()

    def around_task(self, captured: _Captured, /) -> AbstractContextManager[None]:
        self._care.end_left_transactions()
        self._care.before_task()
        return _activated(captured)


class _AsyncTrip:
    """A leg of ``async def`` tasks: its ORM calls have a thread, and connections, of their own.

    Left with the context of the view, they would wait for a thread that is blocked in the
    response's ``close()``; without any, all responses would share one thread.
    """

    def __init__(self) -> None:
        self._context: ThreadSensitiveContext | None = None
        self._waiting_thread: Any = None

    async def __aenter__(self) -> _AsyncTrip:
        # A loop that a waiting thread runs (async_to_sync, as in a TestCase) already has a thread
        # for such calls: the waiting one.
        if asyncio.get_running_loop() not in AsyncToSync.loop_thread_executors:
            self._context = ThreadSensitiveContext()
            self._thread = _LeasedThread(workers_of(get_settings().max_workers))
            SyncToAsync.context_to_thread_executor[self._context] = self._thread
        else:
            self._waiting_thread = getattr(AsyncToSync.executors, "current", None)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._context is not None:
            SyncToAsync.context_to_thread_executor.pop(self._context, None)
            await self._thread.give_back()

    def around_task(self, captured: _Captured, /) -> AbstractContextManager[None]:
        if self._context is not None:
            SyncToAsync.thread_sensitive_context.set(self._context)
        # Not the view's, whose thread may have left it.
        AsyncToSync.executors.current = self._waiting_thread
        return _activated(captured)


@contextmanager
def _activated(captured: _Captured) -> Generator[None]:
    previous = get_script_prefix(), get_urlconf()
    with translation.override(captured.language), timezone.override(captured.time_zone):
        set_script_prefix(captured.script_prefix)
        set_urlconf(captured.urlconf)
        try:
            yield
        finally:
            set_script_prefix(previous[0])
            set_urlconf(previous[1])


class _LeasedThread(Executor):
    """Run calls in turn on one of the workers' threads, which it holds from the first call on."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._is_leased = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        self._calls.put(partial(fulfil, future, partial(fn, *args, **kwargs)))
        if not self._is_leased:
            self._is_leased = True
            self._workers.submit(self._serve)
        return future

    def _serve(self) -> None:
        with ConnectionCare() as care:
            while (call := self._calls.get()) is not None:
                care.before_task()
                call()

    async def give_back(self) -> None:
        """Let the thread go, its connections cleaned; waits for that, if it was ever taken."""
        if self._is_leased:
            cleaned = self.submit(clean_connections)
            self._calls.put(None)
            await asyncio.wrap_future(cleaned)
