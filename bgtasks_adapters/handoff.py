"""Handing tasks off to the queue engine that a team already runs.

Where tasks are added: ``Handoff(task)`` as the setting ``handoff``, or for one task
``using(handoff=...)``. Where they run: the engine's task calls ``run(path, args, kwargs)``, or
awaits ``arun`` if it is an ``async def`` one.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from bgtasks_adapters.ambient import task_scope
from bgtasks_adapters.callables import is_async_callable
from bgtasks_adapters.concurrency import is_on_loop
from bgtasks_adapters.destinations import Destination
from bgtasks_adapters.engines import ENGINES, Call, find_engine, package_of
from bgtasks_adapters.exceptions import InvalidOptionError, InvalidTaskError
from bgtasks_adapters.plain_json import check_arguments
from bgtasks_adapters.publishing import SECONDS, Job, refuse_timeout
from bgtasks_adapters.references import Allowed, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from bgtasks_adapters.tasks import BackgroundTask

__all__ = ["Handoff", "arun", "run"]


class Handoff(Destination):
    """Have tasks run by an engine: each is sent, behind its response, as a call of one ``task``.

    ``task`` is yours, of Celery, Dramatiq, RQ, Huey, Taskiq, Procrastinate or Django's tasks
    framework, and calls ``handoff.run(path, args, kwargs)``. ``allow`` names the modules, or
    packages, whose functions may be sent; by default the top-level package that ``task`` stands
    in. ``timeout``: seconds that the engine has to take a task. ``options``: the engine's own, for
    each of these calls; ``using(engine=...)`` adds to them.

    ``add_task`` then raises at once for what could not run there: ``InvalidTaskError`` for a
    function without a name that leads back to it, ``ForbiddenTaskError`` for one that is not
    allowed, ``UnsafeArgumentError`` for arguments that are no JSON.
    """

    def __init__(
        self,
        task: object,
        *,
        allow: Sequence[str] | None = None,
        timeout: float = SECONDS,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        found = find_engine(task)
        if found is None:
            known = ", ".join(engine.name for engine in ENGINES)
            raise InvalidOptionError(
                f"Handoff({task!r}) got something of type {type(task).__name__}, which is no task "
                f"of an engine that is known: {known}. Pass the task that your engine's decorator "
                "made."
            )
        self._found = found
        self._allowed = Allowed(_checked(allow) if allow is not None else [package_of(found)])
        self._timeout = timeout
        self._options = {**found.engine.unread_result, **(options or {})}

    def job_for(self, task: BackgroundTask) -> Job:
        refuse_timeout(task.name, task.options)
        path = path_of(task.func)
        self._allowed.check(path)
        check_arguments(task.name, task.args, task.kwargs)
        given: dict[str, Any] = {
            "path": path,
            "args": list(task.args),
            "kwargs": dict(task.kwargs),
        }
        is_named = self._found.engine.takes_keywords_only
        call = Call(
            task.options.id or uuid4().hex,
            () if is_named else tuple(given.values()),
            given if is_named else {},
            {**self._options, **(task.options.engine or {})},
        )
        return Job(self._found, task.name, call, self._timeout)


def _checked(allow: Any) -> Sequence[str]:
    if isinstance(allow, str) or not all(isinstance(prefix, str) for prefix in allow):
        raise InvalidOptionError(f"allow={allow!r}: use a list of names of modules or packages.")
    return cast("Sequence[str]", allow)


def run(
    path: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    allow: Sequence[str] | None = None,
) -> None:
    """Run a task that was handed off; to be called by the engine's task, in a worker of it.

    ``path`` is imported if ``allow`` lets it: modules or packages, by default the top-level
    package of the module that calls this. What the function raises is raised, so that the engine
    sees it. Tasks that the function adds run here, too, when it has returned.
    """
    function = _function(path, args, kwargs, allow, sys._getframe(1).f_globals)  # pyright: ignore[reportPrivateUsage]
    with task_scope():
        if not is_async_callable(function):
            function(*args, **kwargs)
        elif is_on_loop():
            raise RuntimeError(
                f"run({path!r}, ...) was called on an event loop, where an async def function has "
                "to be awaited. Make your engine's task an async def one that has "
                "await handoff.arun(path, args, kwargs)"
            )
        else:
            import asyncio

            asyncio.run(function(*args, **kwargs))


def arun(
    path: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    allow: Sequence[str] | None = None,
) -> Coroutine[Any, Any, None]:
    """Do the same for an engine's task that is ``async def``; ``def`` functions get a thread."""
    function = _function(path, args, kwargs, allow, sys._getframe(1).f_globals)  # pyright: ignore[reportPrivateUsage]
    return _arun(partial(function, *args, **kwargs), is_async=is_async_callable(function))


async def _arun(call: Callable[[], Any], *, is_async: bool) -> None:
    async with task_scope():
        if is_async:
            await call()
        else:
            import anyio.to_thread

            await anyio.to_thread.run_sync(call)


def _function(
    path: Any,
    args: Any,
    kwargs: Any,
    allow: Sequence[str] | None,
    caller: Mapping[str, Any],
) -> Callable[..., Any]:
    if not isinstance(path, str) or ":" not in path:
        raise InvalidTaskError(f"run({path!r}, ...): a path is 'module:qualname'.")
    if not isinstance(args, (list, tuple)) or not isinstance(kwargs, dict):
        raise InvalidTaskError(
            f"run({path!r}, {args!r}, {kwargs!r}): pass on what the engine's task was given, path, "
            "args and kwargs."
        )
    package = str(caller.get("__name__")).partition(".")[0]
    return Allowed(_checked(allow) if allow is not None else [package]).function(path)
