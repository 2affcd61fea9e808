"""One task of Django's tasks framework on its way: its result, and the signals about it.

The signals are sent where Django's own backends send them, so that its log and anybody's receivers
work. What a receiver raises is logged by Django and changes nothing.
"""

from __future__ import annotations

import copy
import os
import socket
import threading
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.tasks.base import TaskContext, TaskError, TaskResult, TaskResultStatus
from django.tasks.signals import task_enqueued, task_finished, task_started
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.json import normalize_json

from bgtasks_adapters.callables import label
from bgtasks_adapters.concurrency import is_on_loop
from bgtasks_adapters.django import testcase
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.context import django_context
from bgtasks_adapters.exceptions import TaskNotRunError
from bgtasks_adapters.options import Options
from bgtasks_adapters.process import ledger
from bgtasks_adapters.tasks import BackgroundTask
from bgtasks_adapters.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.dispatch import Signal
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.base import Task

    from bgtasks_adapters.django.results import Results
    from bgtasks_adapters.events import TaskEvent
    from bgtasks_adapters.tasks import BackgroundTasks

ID_LENGTH = 32
"""Of a result's id, in characters: Django's documentation wants fewer than 64."""


class Execution:
    """One call of ``enqueue()`` and what becomes of it."""

    def __init__(
        self, backend: BaseTaskBackend, task: Task[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> None:
        self.result: TaskResult[..., Any] = TaskResult(
            task=task,
            id=get_random_string(ID_LENGTH),
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            last_attempted_at=None,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=backend.alias,
            errors=[],
            worker_ids=[],
        )
        self._sender = type(backend)
        self._lock = threading.RLock()
        self._is_enqueued = False
        self._finished: Callable[[Execution], object] | None = None
        self._dropped: Callable[[Execution], object] | None = None

    def keep(self, results: Results, limit: int) -> None:
        """Have this process keep the result, until ``limit`` others have finished behind it."""
        results.add(self)
        self._finished = partial(results.finished, limit=limit)
        self._dropped = results.remove

    def add_to(self, tasks: BackgroundTasks) -> TaskResult[..., Any]:
        """Queue the call; return the result as it is before anything runs."""
        function = self.result.task.func
        background_task = BackgroundTask(self.arun if iscoroutinefunction(function) else self.run)
        background_task.options = Options(
            name=label(function),
            observer=self.note_fate,
            stands_for=(function, self.result.args, self.result.kwargs),
        )
        result = self.snapshot()
        try:
            tasks.append(background_task)
        except Exception:
            if self._dropped is not None:
                self._dropped(self)
            raise
        self._tell_enqueued()
        return result

    def snapshot(self) -> TaskResult[..., Any]:
        """Return a copy of the result that no longer changes."""
        with self._lock:
            result = copy.copy(self.result)
            _set(
                result,
                args=copy.deepcopy(result.args),
                kwargs=copy.deepcopy(result.kwargs),
                errors=list(result.errors),
                worker_ids=list(result.worker_ids),
                _return_value=copy.deepcopy(result._return_value),  # type: ignore[attr-defined]
            )
        return result

    # The call itself.

    def run(self) -> None:
        """Call a ``def`` function; on a worker thread."""
        self._tell_enqueued()
        self._start()
        self._send(task_started)
        try:
            value = self.result.task.call(*self._args(), **self.result.kwargs)
            has_finished = self._succeed(value)
        except Exception as error:
            if self._fail(error):
                self._send(task_finished)  # in here, so that receivers see the traceback
            raise
        if has_finished:
            self._send(task_finished)

    async def arun(self) -> None:
        """Call an ``async def`` function; on a loop."""
        self._tell_enqueued()
        self._start()
        await self._asend(task_started)
        try:
            value = await self.result.task.acall(*self._args(), **self.result.kwargs)
            has_finished = self._succeed(value)
        except Exception as error:
            if self._fail(error):
                await self._asend(task_finished)
            raise
        if has_finished:
            await self._asend(task_finished)

    def _args(self) -> list[Any]:
        result = self.result
        return (
            [TaskContext(task_result=result), *result.args]
            if result.task.takes_context
            else result.args
        )

    # The result.

    def _start(self) -> None:
        now = timezone.now()
        with self._lock:
            self.result.worker_ids.append(f"{socket.gethostname()}-{os.getpid()}")
            _set(
                self.result, status=TaskResultStatus.RUNNING, started_at=now, last_attempted_at=now
            )

    def _succeed(self, value: Any) -> bool:
        return self._finish(TaskResultStatus.SUCCESSFUL, _return_value=normalize_json(value))

    def _fail(self, error: BaseException) -> bool:
        """Note why the task failed; False if it had finished."""
        kind = type(error)
        record = TaskError(
            exception_class_path=f"{kind.__module__}.{kind.__qualname__}",
            traceback="".join(format_exception(error)),
        )
        return self._finish(TaskResultStatus.FAILED, errors=[*self.result.errors, record])

    def _finish(self, status: TaskResultStatus, **values: Any) -> bool:
        with self._lock:
            if self.result.is_finished:
                return False  # given up at the shutdown's deadline, while it ran
            _set(self.result, status=status, finished_at=timezone.now(), **values)
        if self._finished is not None:
            self._finished(self)
        return True

    # The signals.

    def _tell_enqueued(self) -> None:
        # By whoever comes first: a task that is added late may run before add_to() has gone on.
        with self._lock:
            is_first, self._is_enqueued = not self._is_enqueued, True
        if is_first:
            self._send(task_enqueued)

    def _send(self, signal: Signal) -> None:
        signal.send_robust(self._sender, task_result=self.result)

    async def _asend(self, signal: Signal) -> None:
        # On a thread, where receivers may query; with the exception, as asend_robust() has it not.
        await sync_to_async(self._send)(signal)

    # What became of it otherwise (events.Observer).

    def note_fate(self, event: TaskEvent) -> None:
        """Fail a task that did not run, or not to its end; tell of it on a worker thread."""
        error = event.error or TaskNotRunError(f"{event.task.name} did not run: {event.reason}")
        if not self._fail(error):
            return
        report = _Report(partial(self._send_finished_within, error))
        must_be_now = (
            event.kind == "left_over"  # the workers are given up
            or get_settings().executor == "inline"
            or testcase.is_test_run()
        )
        if must_be_now and not is_on_loop():
            report.run()
        else:
            report.start()

    def _send_finished_within(self, error: BaseException) -> None:
        try:
            raise error
        except BaseException:  # where receivers look for the traceback, as in a task that ran
            self._send(task_finished)


class _Report:
    """The last signal about a task that did not run; ``drain()`` waits for it.

    Receivers may query a database, for which neither a loop nor the end of a response is the place.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._context = copy_context()
        ledger.start(self)

    def start(self) -> None:
        workers_of(get_settings().max_workers).submit(self.run)

    def run(self) -> None:
        try:
            with django_context.trip():
                self._context.run(self._send)
        finally:
            ledger.finish(self)

    def unfinished_tasks(self) -> Sequence[BackgroundTask]:
        return ()

    def leave_over(self, reason: str, /) -> None:
        ledger.finish(self)

    def outlive_the_server(self, seconds: float, /) -> None:
        pass


def _set(result: TaskResult[..., Any], **values: Any) -> None:
    # Django's results are frozen for everybody but their backend.
    for name, value in values.items():
        object.__setattr__(result, name, value)
