"""A backend for Django's tasks framework (6.0 and later): what is enqueued runs after the response.

Its tasks are tasks like those of ``add_task()``, of one process, with the rules of the setting
``BGTASKS``; its results and signals are Django's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.tasks import task_backends
from django.tasks.backends.base import BaseTaskBackend
from django.tasks.exceptions import InvalidTaskBackend, TaskResultDoesNotExist

from bgtasks_adapters.django.checks import check_backend
from bgtasks_adapters.django.execution import Execution
from bgtasks_adapters.django.results import results_of
from bgtasks_adapters.django.scopes import astart_tasks, scope_without_response, start_tasks
from bgtasks_adapters.exceptions import NoActiveResponseError
from bgtasks_adapters.tasks import current_tasks

if TYPE_CHECKING:
    from django.core.checks import CheckMessage
    from django.tasks.base import Task, TaskResult

    from bgtasks_adapters.dispatch import ResponseScope

__all__ = ["AfterResponseBackend"]

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = {"OUTSIDE_RESPONSE": "run", "KEEP_RESULTS": 0}


class AfterResponseBackend(BaseTaskBackend):
    """Run tasks in this process once the response is with the client, as ``add_task()`` does.

    ``OPTIONS["OUTSIDE_RESPONSE"]`` says what becomes of a task that is enqueued where no response
    is being made: "run" (the default; on the workers of this process, at once), "raise"
    (``NoActiveResponseError``), or the alias of another backend, which then has the task.
    ``OPTIONS["KEEP_RESULTS"]`` is the number of finished results that this process keeps for
    ``get_result()``; 0 (the default) keeps none.

    ``def`` tasks run on worker threads, ``async def`` tasks on the server's loop. A task that the
    rules do not let run (its view raised, its transaction was rolled back) or that shutdown left
    over is FAILED, with a ``TaskNotRunError``. No priorities and no ``run_after``.
    """

    supports_async_task = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        for name in self.options:
            if name not in _OPTIONS:
                raise self._bad_option(name, f"it is unknown; use {' or '.join(_OPTIONS)}")
        options = {**_OPTIONS, **self.options}
        self._outside = self._read_outside(options["OUTSIDE_RESPONSE"])
        self._kept = self._read_kept(options["KEEP_RESULTS"])
        self.supports_get_result = self._kept > 0

    def enqueue(
        self, task: Task[P, R], args: list[Any], kwargs: dict[str, Any]
    ) -> TaskResult[P, R]:
        """Queue a task for the end of the current response; return its result as it is now.

        From a running task, the task runs behind it. Raises ``InvalidTask`` for one that this
        backend cannot run, ``TypeError`` for arguments that JSON does not know, and what
        ``add_task()`` raises.
        """
        result, scope = self._queue(task, args, kwargs)
        if scope is not None:
            start_tasks(scope)
        return result

    async def aenqueue(
        self, task: Task[P, R], args: list[Any], kwargs: dict[str, Any]
    ) -> TaskResult[P, R]:
        """Do what ``enqueue()`` does, from a loop."""
        # On the thread for such calls, where open transactions are seen, and receivers may query.
        result, scope = await sync_to_async(self._queue)(task, args, kwargs)
        if scope is not None:
            await astart_tasks(scope)
        return result

    def _queue(
        self, task: Task[P, R], args: list[Any], kwargs: dict[str, Any]
    ) -> tuple[TaskResult[P, R], ResponseScope | None]:
        """Queue a task; return its result, and the scope to start where there is no response."""
        self.validate_task(task)
        tasks = current_tasks.get(None)
        if tasks is None and self._outside == "raise":
            raise NoActiveResponseError(
                f"{task.name}.enqueue() was called where no response is being made, and "
                f"OUTSIDE_RESPONSE of the tasks backend {self.alias!r} is 'raise'. In scripts, "
                "commands and jobs put the code into `with task_scope():`, or set "
                "OUTSIDE_RESPONSE to 'run' or to the alias of another backend."
            )
        if tasks is None and self._outside != "run":
            other = task.using(backend=self._outside)
            return task_backends[self._outside].enqueue(other, args, kwargs), None
        execution = Execution(self, task, args, kwargs)
        if self._kept:
            execution.keep(results_of(self.alias), self._kept)
        scope = None
        if tasks is None:
            scope = scope_without_response()
            tasks = scope
        return cast("TaskResult[P, R]", execution.add_to(tasks)), scope

    def get_result(self, result_id: str) -> TaskResult[..., Any]:
        """Return a result of this process as it is now, or one of the backend outside a response.

        Raises ``TaskResultDoesNotExist``, or ``NotImplementedError`` where none are kept.
        """
        if self._kept:
            found = results_of(self.alias).get(result_id)
            if found is not None:
                return found.snapshot()
        if self._outside not in ("run", "raise"):
            return task_backends[self._outside].get_result(result_id)
        if not self._kept:
            raise NotImplementedError(
                f"The tasks backend {self.alias!r} keeps no results. Set "
                f"TASKS[{self.alias!r}]['OPTIONS']['KEEP_RESULTS'] to the number of finished ones "
                "that each process is to keep."
            )
        raise TaskResultDoesNotExist(result_id)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return a warning if nothing in the project sees a response."""
        return check_backend(self.alias, self._outside)

    def _read_outside(self, value: object) -> str:
        others = [alias for alias in django_settings.TASKS if alias != self.alias]
        if not isinstance(value, str) or value not in ("run", "raise", *others):
            aliases = f" or the alias of another backend ({', '.join(others)})" if others else ""
            raise self._bad_option("OUTSIDE_RESPONSE", f"use 'run', 'raise'{aliases}")
        return value

    def _read_kept(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._bad_option("KEEP_RESULTS", "use a whole number, 0 to keep none")
        return value

    def _bad_option(self, name: str, what: str) -> InvalidTaskBackend:
        option = f"TASKS[{self.alias!r}]['OPTIONS'][{name!r}]"
        return InvalidTaskBackend(f"{option}={self.options[name]!r} is not valid: {what}.")
