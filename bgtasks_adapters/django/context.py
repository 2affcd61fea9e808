"""What a Django task needs around it: language, time zone, URL prefix, clean connections.

A task runs on another thread than its view, where Django's own per-request state is unset and
where nobody else would close a database connection.
"""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from contextvars import Context, copy_context
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, ThreadSensitiveContext
from django.conf import settings
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
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from contextvars import ContextVar
    from datetime import tzinfo

    from bgtasks_adapters.surroundings import TestThread
    from bgtasks_adapters.tasks import BackgroundTask
    from bgtasks_adapters.workers import Workers

T = TypeVar("T")


class _Captured(NamedTuple):
    """What the line that added a task had set, where that is not what the project has set."""

    language: str | None
    time_zone: tzinfo
    script_prefix: str
    urlconf: str | None

    def activate(self) -> None:
        """Set it in the running context: a task's own, so that nothing need be set back."""
        if self.language is None:
            translation.deactivate_all()
        else:
            translation.activate(self.language)
        timezone.activate(self.time_zone)
        set_script_prefix(self.script_prefix)
        set_urlconf(self.urlconf)


def _may_be_set(context: Context | None) -> bool:
    """Tell whether a language or a time zone was set in this context; True if in doubt.

    To ask Django takes longest where none was set, which is most often.
    """
    variables = _variables()
    if context is None or not variables:
        return True
    return any(variable in context for variable in variables)


@cache
def _variables() -> list[ContextVar[Any]]:
    """Find the context variables that Django keeps language and time zone in: set both, and look.

    None where it keeps them in another way.
    """

    def set_both() -> list[ContextVar[Any]]:
        translation.deactivate_all()
        timezone.activate(timezone.get_default_timezone())
        return list(copy_context())

    found = Context().run(set_both)
    return found if len(found) == (2 if settings.USE_I18N else 1) else []


class DjangoContext(HostContext):
    """Django's surroundings of tasks."""

    def capture(self, task: BackgroundTask, /) -> _Captured | None:
        argument_rules.check(task)
        # Most requests have set nothing, and then a task need not set anything either.
        if not _may_be_set(task.context):
            script_prefix, urlconf = get_script_prefix(), get_urlconf()
            if script_prefix == "/" and urlconf in (None, settings.ROOT_URLCONF):
                return None
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

_NOTHING_ELSE = nullcontext()


class _Trip:
    """A leg of ``def`` tasks: usable connections for each, none left open too long behind it."""

    def __init__(self) -> None:
        self._care = ConnectionCare()

    def __enter__(self) -> _Trip:
        self._care.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._care.__exit__()

    def around_task(self, captured: _Captured | None, /) -> AbstractContextManager[None]:
        self._care.before_task()
        if captured is not None:
            captured.activate()
        return _NOTHING_ELSE


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

    def around_task(self, captured: _Captured | None, /) -> AbstractContextManager[None]:
        if self._context is not None:
            SyncToAsync.thread_sensitive_context.set(self._context)
        # Not the view's, whose thread may have left it.
        AsyncToSync.executors.current = self._waiting_thread
        if captured is not None:
            captured.activate()
        return _NOTHING_ELSE


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
