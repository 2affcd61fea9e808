"""A task, a collection of them, and Starlette's contract when one is awaited directly.

Data, the checks made on the line that adds a task, and the one way a task is called. Running a
collection after a response (errors reported, threads of our own) is ``runner``'s work.
"""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from bgtasks_adapters import concurrency, events
from bgtasks_adapters.callables import (
    CO_COROUTINE,
    CO_UNKNOWN,
    CO_UNUSUAL,
    is_async_callable,
    label,
)
from bgtasks_adapters.exceptions import InvalidOptionError, InvalidTaskError
from bgtasks_adapters.options import NO_OPTIONS, Options, check_options
from bgtasks_adapters.outcome import Outcome, ViewError
from bgtasks_adapters.surroundings import around, around_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from contextvars import Context
    from typing import Protocol

    from bgtasks_adapters.destinations import Destination
    from bgtasks_adapters.entries import Entry
    from bgtasks_adapters.holds import Hold
    from bgtasks_adapters.publishing import Job
    from bgtasks_adapters.surroundings import Surroundings

    class Collection(Protocol):
        """What a task asks of the collection it is called in."""

        def copy_context(self) -> Context: ...


P = ParamSpec("P")
_new = object.__new__

Status = Literal["pending", "running"] | events.Fate


current_tasks: ContextVar[BackgroundTasks] = ContextVar("bgtasks_adapters.current_tasks")


class BackgroundTask:
    """One call, to be made later.

    ``func`` may be a function, an ``async def`` function, a partial, a bound method or an object
    with a ``__call__``. Awaited directly it runs as Starlette's ``BackgroundTask`` does: ``def``
    on one of anyio's worker threads, ``async def`` on the loop; what it raises is raised.
    """

    # Slots are set and changed in less than half the time of an instance's own dict.
    __slots__ = (
        "args",
        "captured",
        "context",
        "entry",
        "func",
        "hold",
        "is_async",
        "is_plain_coroutine_function",
        "is_unsettled",
        "job",
        "kwargs",
        "options",
        "status",
        "view_error",
    )

    status: Status

    def __init__(self, func: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        self.set_up(func, args, kwargs)

    @staticmethod
    def of(
        func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> BackgroundTask:
        """Make a task from arguments that are packed already, without packing them again."""
        task = _new(BackgroundTask)
        task.set_up(func, args, kwargs)
        return task

    def set_up(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.status = "pending"
        self.is_unsettled = True
        self.options = NO_OPTIONS
        # Set where the task is added: the context to run in, what each adapter's host captured,
        # the error that its view was seen to raise, and what it waits for.
        self.context: Context | None = None
        self.captured: tuple[Any, ...] = ()
        self.view_error: ViewError | None = None
        self.hold: Hold | None = None
        self.job: Job | None = None
        self.entry: Entry | None = None
        is_plain = type(func) is FunctionType and not func.__dict__
        flags = func.__code__.co_flags if is_plain else CO_UNKNOWN
        if flags & CO_COROUTINE:
            # To call one of these only makes a coroutine, which can be done in any context. Without
            # options it has no timeout, and there is no key by which it could be taken back.
            self.is_async = self.is_plain_coroutine_function = True
        elif flags & CO_UNUSUAL:
            self._look_at_closely(func)
        else:
            self.is_async = self.is_plain_coroutine_function = False

    def _look_at_closely(self, func: Callable[..., Any]) -> None:
        """Tell what an object is that is no function, or one with attributes."""
        from bgtasks_adapters.engines import find_engine

        found = find_engine(func)
        if found is None:
            self.is_async = is_async_callable(func)
        else:
            from bgtasks_adapters.publishing import native_job

            self.hand_off(native_job(found, self))
        self.is_plain_coroutine_function = (
            self.is_async
            and self.job is None
            and type(func) is FunctionType
            and bool(func.__code__.co_flags & CO_COROUTINE)
        )

    def set_options(self, options: Options) -> None:
        """Take options that are known to be good; raise for those that do not suit this task."""
        self.options = options
        self.is_plain_coroutine_function = False
        if self.job is not None:  # of an engine's own task
            self.hand_off(self.job.with_options(options))
        if options.timeout is not None and not self.is_async:
            raise InvalidOptionError(
                f"using(timeout={options.timeout!r}) on {self.name}, a def function: a thread "
                "cannot be stopped. Give the function's own calls a timeout (most clients take "
                "one), or make it an async def function."
            )

    def hand_off(self, job: Job) -> None:
        """Have it sent to an engine in the place of its call."""
        self.job = job
        self.is_async = job.is_async
        self.is_plain_coroutine_function = False

    def run_here(self) -> None:
        """Have it called here after all, since its engine was not to be had."""
        self.job = None
        self.is_async = is_async_callable(self.func)
        self.status = "pending"

    def settle(self, fate: events.Fate) -> bool:
        """Give it its final status; False if it has one already, which stays."""
        try:
            del self.is_unsettled  # one step, so that of all threads only the first one succeeds
        except AttributeError:
            return False
        self.status = fate
        return True

    @property
    def is_settled(self) -> bool:
        """Tell whether an adapter's run, or what took it back, gave it its final status."""
        return not hasattr(self, "is_unsettled")

    @property
    def name(self) -> str:
        """The label from ``using(name=...)``, or the function's qualified name."""
        return self.options.name or label(self.func)

    def __repr__(self) -> str:
        return f"<BackgroundTask {self.name} {self.status}>"

    async def __call__(self) -> None:
        await BackgroundTasks([self])()

    def call(
        self,
        collection: Collection,
        trips: Sequence[Surroundings] = (),
        start_on_loop: concurrency.StartOnLoop = concurrency.no_loop,
    ) -> None:
        """Call a ``def`` function, in the task's context, on this thread."""
        context = self.context
        if context is None:
            context = self.new_context(collection)
        if trips:
            result = context.run(self._call_within, trips, start_on_loop)
        elif self.job is not None:
            result = context.run(self.job.send)
        elif self.kwargs:
            result = context.run(self.func, *self.args, **self.kwargs)
        else:
            result = context.run(self.func, *self.args)
        if result is not None and type(result) is CoroutineType:
            result.close()
            raise InvalidTaskError(
                f"{self.name} is no async function but returned a coroutine, which nothing would "
                "await. Pass the async function itself (not a lambda around it) to add_task()."
            )

    def start(
        self, collection: Collection, trips: Sequence[Surroundings] = ()
    ) -> Awaitable[object] | None:
        """Start an ``async def`` function in the task's context; return the rest, to be awaited.

        That is None where it ended without a wait; see ``concurrency.start_in_context``.
        """
        context = self.context
        if context is None:
            context = self.new_context(collection)
        if trips:
            coroutine: Coroutine[Any, Any, object] = self._acall_within(trips)
        elif self.job is not None:
            coroutine = self.job.asend()
        elif self.is_plain_coroutine_function:
            coroutine = self.func(*self.args, **self.kwargs)
        else:
            coroutine = _coroutine_of(context.run(self.func, *self.args, **self.kwargs))
        if self.options.timeout is None:
            return concurrency.start_in_context(context, coroutine)
        running = concurrency.run_in_context(context, coroutine)
        return concurrency.run_with_deadline(running, self.options.timeout, self)

    def fate_of(self, error: BaseException) -> events.Fate:
        """Return what becomes of it when its call has raised ``error``."""
        if isinstance(error, concurrency.DeadlineExceededError) and error.owner is self:
            return "timed_out"
        is_failure = isinstance(error, (Exception, KeyboardInterrupt, SystemExit))
        return "failed" if is_failure else "cancelled"

    def new_context(self, collection: Collection) -> Context:
        """Capture the context only now: for a task that was made by hand, or runs once more."""
        self.context = collection.copy_context()
        return self.context

    def _call_within(
        self, trips: Sequence[Surroundings], start_on_loop: concurrency.StartOnLoop
    ) -> Any:
        with around(trips, self.captured, start_on_loop):
            if self.job is not None:
                return self.job.send()
            return self.func(*self.args, **self.kwargs)

    async def _acall_within(self, trips: Sequence[Surroundings]) -> None:
        async with around_async(trips, self.captured):
            if self.job is not None:
                await self.job.asend()
            else:
                await self.func(*self.args, **self.kwargs)


def _coroutine_of(awaitable: Any) -> Coroutine[Any, Any, object]:
    # A function that is only marked as a coroutine function may return another awaitable.
    return awaitable if issubclass(type(awaitable), CoroutineType) else _awaiting(awaitable)


async def _awaiting(awaitable: Awaitable[object]) -> None:
    await awaitable


class BackgroundTasks:
    """A collection of tasks that run in the order they were added, or all at once.

    Given to a view by an adapter it runs after the response, on this library's own workers.
    Awaited directly (``await tasks()``) it follows Starlette's contract: in order, the first
    failure stops the rest and is raised. With ``concurrent=True`` all start together, a failure
    does not cancel the others, and failures are raised at the end as one ExceptionGroup.
    """

    concurrent = False

    def __init__(
        self,
        tasks: Sequence[BackgroundTask | Callable[[], Awaitable[object]]] | None = None,
        *,
        concurrent: bool = False,
    ) -> None:
        self.tasks: list[BackgroundTask] = []
        if tasks is not None:
            self.tasks += [t if isinstance(t, BackgroundTask) else BackgroundTask(t) for t in tasks]
        if concurrent:
            self.concurrent = True

    def add_task(
        self, func: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> BackgroundTask:
        """Queue ``func(*args, **kwargs)`` to run after the response; return its task.

        The call sees the context variables of this line. Raises at once, saying what to do
        instead: ``InvalidTaskError`` for what cannot run, ``UnsafeArgumentError`` for arguments
        that will be gone by then, ``TooManyPendingTasksError`` where so configured. Warns
        (``BackgroundTasksWarning``) of arguments that are likely to surprise.
        """
        task = _new(BackgroundTask)  # BackgroundTask.of(), in place
        task.set_up(func, args, kwargs)
        self.append(task)
        return task

    def using(
        self,
        *,
        name: str | None = None,
        key: str | None = None,
        when: str | Callable[[Outcome], bool] | None = None,
        timeout: float | None = None,
        on_commit: bool | None = None,
        handoff: Destination | Literal[False] | None = None,
        engine: Mapping[str, Any] | None = None,
        journal: Literal[False] | None = None,
    ) -> _Using:
        """Return the same collection with options for the tasks added through it.

        ``name`` labels the task in logs and events. ``key``: a later task of one key replaces an
        earlier one that still waits. ``when``: see ``Outcome``; "returned", "success", "always"
        or a function of the outcome. ``timeout``: seconds, for ``async def`` tasks only.
        ``on_commit`` (Django): whether a task added inside ``atomic()`` waits for the commit.
        ``handoff``: a ``Handoff`` for these tasks, or False to run them here whatever the settings
        say. ``engine``: options of the engine that gets them, by the names that it has for them.
        ``journal``: False for tasks that a crash may lose, whatever the settings say.
        """
        options = Options(
            name, key, when, timeout, on_commit, handoff=handoff, engine=engine, journal=journal
        )
        check_options(options)
        return _Using(self, options)

    def cancel(self, key: str) -> bool:
        """Take back the waiting task of this key; True if there was one."""
        return self._withdraw(key, "cancelled", "cancel() was called")

    async def __call__(self) -> None:
        from bgtasks_adapters import direct

        await (direct.run_concurrently(self) if self.concurrent else direct.run_in_order(self))

    def append(self, task: BackgroundTask) -> None:
        """Add a task that was made before; ``add_task`` makes one and does the same."""
        task.context = self.copy_context()
        if task.options.handoff:
            task.hand_off(task.options.handoff.job_for(task))
        if task.options.key is not None:
            self.replace(task.options.key)
        self.tasks.append(task)

    def copy_context(self) -> Context:
        """Copy the running context, with this collection as the current one."""
        token = current_tasks.set(self)
        context = copy_context()
        current_tasks.reset(token)
        return context

    def replace(self, key: str) -> None:
        """Take back the waiting task of this key, because a later one takes its place."""
        self._withdraw(key, "replaced", f"a later task of the key {key!r} took its place")

    def _withdraw(self, key: str, fate: Literal["cancelled", "replaced"], reason: str) -> bool:
        return any(
            self.withdraw(task, fate, reason)
            for task in self.waiting_tasks()
            if task.options.key == key
        )

    def waiting_tasks(self) -> list[BackgroundTask]:
        """Return the tasks that have not started."""
        return [task for task in self.tasks if task.status == "pending"]

    def withdraw(self, task: BackgroundTask, fate: events.Fate, reason: str, /) -> bool:
        """Give a task that has not started its fate, and say why; False if it has started."""
        task.status = fate
        events.report(events.TaskEvent(fate, task, reason=reason), ())
        return True


class _Using:
    """A collection together with options; made by ``BackgroundTasks.using``."""

    __slots__ = ("_options", "_tasks")

    def __init__(self, tasks: BackgroundTasks, options: Options) -> None:
        self._tasks = tasks
        self._options = options

    def add_task(
        self, func: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
    ) -> BackgroundTask:
        """Queue a call with these options; otherwise as ``BackgroundTasks.add_task``."""
        task = BackgroundTask.of(func, args, kwargs)
        task.set_options(self._options)
        self._tasks.append(task)
        return task
