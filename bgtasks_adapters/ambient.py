"""The response that the calling code is part of, found from anywhere below it.

``add_task`` needs no collection passed down: adapters set the current one around the application,
the view and each step of the body, and a running collection is the current one of its tasks.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ParamSpec

from bgtasks_adapters.dispatch import ResponseScope
from bgtasks_adapters.exceptions import NoActiveResponseError
from bgtasks_adapters.tasks import BackgroundTask, BackgroundTasks, current_tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from bgtasks_adapters.settings import Settings

P = ParamSpec("P")


def get_background_tasks() -> BackgroundTasks:
    """Return the collection of the response that is being made.

    Inside a running task it is the task's own collection. Raises ``NoActiveResponseError`` where
    there is no response and no ``task_scope()``.
    """
    try:
        return current_tasks.get()
    except LookupError:
        raise NoActiveResponseError(
            "No response is being made here, so there is none to run tasks after. Within a "
            "request, install an adapter (Django: the middleware or @with_background_tasks; "
            "Flask, Quart: init_app(app); others: asgi or wsgi.BackgroundTasksMiddleware). In "
            "scripts, commands and jobs put the code into `with task_scope():`."
        ) from None


def add_task(func: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> BackgroundTask:
    """Queue ``func(*args, **kwargs)`` to run after the current response; return its task.

    See ``BackgroundTasks.add_task``. Raises ``NoActiveResponseError`` outside a response.
    """
    task = BackgroundTask.of(func, args, kwargs)
    get_background_tasks().append(task)
    return task


class use_tasks:
    """Make a collection the current one for the block; for adapters."""

    __slots__ = ("_tasks", "_token")

    def __init__(self, tasks: BackgroundTasks) -> None:
        self._tasks = tasks

    def __enter__(self) -> BackgroundTasks:
        self._token: Token[BackgroundTasks] = current_tasks.set(self._tasks)
        return self._tasks

    def __exit__(self, *error: object) -> None:
        current_tasks.reset(self._token)


@cache
def _default_settings() -> Settings:
    from bgtasks_adapters.settings import Settings  # slow to import, and seldom needed

    return Settings()


def _new_scope() -> ResponseScope:
    around = current_tasks.get(None)
    if isinstance(around, ResponseScope) and not around.is_over:
        return around.new_part()
    return ResponseScope(_default_settings())


class task_scope:
    """Run the tasks added in a block at its end: for commands, scripts and jobs.

    ``with task_scope() as tasks:`` runs them on the calling thread (async tasks on a loop of the
    process), ``async with`` awaits them (``def`` tasks on anyio's worker threads). All run, in
    order; then failures are raised together as one ExceptionGroup. If the block raises, tasks are
    skipped as they are when a view raises, and its error goes on.

    While a response is being made (a message of an open websocket is handled, for one) the block
    has that response's settings, and its tasks the surroundings that the framework gives to tasks.
    """

    def __init__(self) -> None:
        self._scope = _new_scope()
        self._scope.raises_failures = True
        self._using = use_tasks(self._scope)

    def __enter__(self) -> BackgroundTasks:
        return self._using.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._end_block(error)
        self._scope.run_here()
        self._raise_failures(error)

    async def __aenter__(self) -> BackgroundTasks:
        return self._using.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, tb: object) -> None:
        self._end_block(error)
        await self._scope.run_awaited()
        self._raise_failures(error)

    def _end_block(self, error: BaseException | None) -> None:
        self._using.__exit__()
        if error is not None:
            self._scope.view_raised(error)
        else:
            self._scope.view_returned()
        self._scope.note_end(error=error)

    def _raise_failures(self, error: BaseException | None) -> None:
        failures = self._scope.fates.failures if self._scope.tasks else ()
        if failures and error is None:
            raise ExceptionGroup(f"{len(failures)} background task(s) failed", failures)
