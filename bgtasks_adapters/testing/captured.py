"""What a test sees of captured tasks: each with its call and its fate, and what it may assert."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

from bgtasks_adapters.callables import label
from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.testing.calls import Call, are_alike

if TYPE_CHECKING:
    from bgtasks_adapters.captors import Response
    from bgtasks_adapters.events import TaskEvent
    from bgtasks_adapters.tasks import BackgroundTask, Status


class Record:
    """One task that was added while tasks were captured, as the capture knows it."""

    def __init__(self, task: BackgroundTask, response: Response, thread: int) -> None:
        self.task = task
        self.response = response
        self.thread = thread
        func, args, kwargs = task.options.stands_for or (task.func, task.args, task.kwargs)
        self.given = func, tuple(args), dict(kwargs)
        self.call = Call.of(*self.given)
        self.event: TaskEvent | None = None
        self.is_failure_expected = False

    @property
    def has_ended(self) -> bool:
        # One that the view awaited itself has no event: nobody settled it.
        is_awaited = not self.task.is_settled and self.task.status not in ("pending", "running")
        return self.event is not None or is_awaited

    @property
    def is_held(self) -> bool:
        return self.task in self.response.held_tasks()

    @property
    def is_due(self) -> bool:
        return self.response.is_over and not self.is_held

    @property
    def error(self) -> BaseException | None:
        return None if self.event is None else self.event.error

    @property
    def reason(self) -> str | None:
        return None if self.event is None else self.event.reason

    def is_of(self, expected: Call) -> bool:
        """Tell whether it is that call, or without arguments any of that function."""
        if expected.has_arguments:
            return self.call.is_same_as(expected)
        return self.call.has_function_of(expected)

    def __str__(self) -> str:
        why = self.reason if self.error is None else repr(self.error)
        return f"{self.call}  [{self.task.status}{f': {why}' if why else ''}]"


class CapturedTask:
    """One task that was added while tasks were captured."""

    def __init__(self, record: Record) -> None:
        self._record = record

    @property
    def func(self) -> Callable[..., Any]:
        """The function, as it was passed to ``add_task``."""
        return self._record.given[0]

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments."""
        return self._record.given[1]

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments."""
        return self._record.given[2]

    @property
    def name(self) -> str:
        """Its label in logs: from ``using(name=...)``, or the function's qualified name."""
        return self._record.task.name

    @property
    def status(self) -> Status:
        """Its fate: "pending", "running", "succeeded", "failed", "skipped", ..."""
        return self._record.task.status

    @property
    def error(self) -> BaseException | None:
        """What it raised."""
        return self._record.error

    @property
    def reason(self) -> str | None:
        """Why it was skipped, replaced, cancelled or left over."""
        return self._record.reason

    def __repr__(self) -> str:
        return f"<CapturedTask {self._record}>"


class HasFunction(Protocol):
    """What stands for a function: a task of Django's tasks framework is one."""

    @property
    def func(self) -> Callable[..., Any]: ...


Function: TypeAlias = Callable[..., Any] | HasFunction


class Runner(Protocol):
    """What the tasks of a capture are asked to do; see ``captor.Capture``."""

    records: list[Record]

    def run(self) -> None: ...

    async def arun(self) -> None: ...


class CapturedTasks(Sequence[CapturedTask]):
    """The tasks that were added since the capture began, in the order in which they were."""

    def __init__(self, capture: Runner) -> None:
        self._capture = capture

    @overload
    def __getitem__(self, index: int) -> CapturedTask: ...
    @overload
    def __getitem__(self, index: slice) -> list[CapturedTask]: ...
    def __getitem__(self, index: int | slice) -> CapturedTask | list[CapturedTask]:
        found = self._capture.records[index]
        return (
            [CapturedTask(one) for one in found] if isinstance(found, list) else CapturedTask(found)
        )

    def __len__(self) -> int:
        return len(self._capture.records)

    def __repr__(self) -> str:
        return f"<CapturedTasks {list(self)!r}>"

    def run(self) -> None:
        """Run the tasks that are captured for later, on this thread, and wait for all others.

        Those of a response run in order, as its adapter would run them; failures are kept for
        ``assert_failed`` and the end of the capture. With ``run="now"`` it only waits: for tasks
        of a server that runs on another thread.

        Raises ``CaptureError`` where that cannot be: on an event loop (there, await ``arun()``),
        where the capture or the loop of the tasks has ended, and where a response is not over.
        """
        self._capture.run()

    async def arun(self) -> None:
        """Do what ``run`` does, within this coroutine."""
        await self._capture.arun()

    def assert_added(self, func: Function, /, *args: Any, **kwargs: Any) -> CapturedTask:
        """Assert that ``func`` was added with these arguments; return its first such task.

        Without arguments any call of it will do. They are compared as the function will see them:
        a positional one may have been passed by its keyword. Says what was added instead.
        """
        expected = _expected(func, args, kwargs)
        for record in self._capture.records:
            if record.is_of(expected):
                return CapturedTask(record)
        raise AssertionError(_explain_missing(expected, self._capture.records))

    def assert_not_added(self, func: Function, /, *args: Any, **kwargs: Any) -> None:
        """Assert that ``func`` was not added with these arguments; without, that it never was."""
        expected = _expected(func, args, kwargs)
        found = [record for record in self._capture.records if record.is_of(expected)]
        if found:
            raise AssertionError("\n".join([f"{_named(expected)} was added:", *_numbered(found)]))

    def assert_failed(
        self, func: Function, error: type[BaseException] = Exception, /
    ) -> BaseException:
        """Assert that a task of ``func`` raised such an error; return it, the first if several.

        From then on its failures of that kind are expected, and no longer fail the test.
        """
        expected = _expected(func, (), {})
        found = [record for record in self._capture.records if record.is_of(expected)]
        if not found:
            raise AssertionError(_explain_missing(expected, self._capture.records))
        errors: list[BaseException] = []
        for record in found:
            if isinstance(record.error, error):
                record.is_failure_expected = True
                errors.append(record.error)
        if not errors:
            message = f"{_named(expected)} did not fail with {error.__name__}:"
            raise AssertionError("\n".join([message, *_numbered(found)]))
        return errors[0]


def _expected(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    if not callable(func) and callable(getattr(func, "func", None)):
        func = func.func
    expected = Call.of(func, args, kwargs)
    if not callable(expected.func):
        raise InvalidOptionError(
            f"{func!r} of type {type(func).__name__} is no function, so no task can be of it. "
            "Pass the function that was passed to add_task, then its arguments."
        )
    return expected


def _named(expected: Call) -> str:
    return str(expected) if expected.has_arguments else f"A task of {label(expected.func)}"


def _explain_missing(expected: Call, records: list[Record]) -> str:
    lines = [f"{_named(expected)} was not added."]
    if expected.has_arguments and expected.why_impossible is not None:
        lines.append(f"It cannot be called so: {expected.why_impossible}.")
    if not records:
        lines.append(
            "No task was. Was the line that adds it reached, while tasks were captured? "
            "What is called outside a response needs a task_scope() around it."
        )
        return "\n".join(lines)
    if any(are_alike(expected.func, record.call.func) for record in records):
        lines.append(
            "Another function of its name was: one object differs from the other. Pass the one "
            "that the code under test has (a decorator, a mock or a reload makes another)."
        )
    lines.append("Added were:")
    for line, record in zip(_numbered(records), records, strict=True):
        lines.append(line)
        if record.call.has_function_of(expected):
            lines += [f"       {part}" for part in record.call.differences_from(expected)]
    return "\n".join(lines)


def _numbered(records: list[Record]) -> list[str]:
    return [f"  {number:>2}. {record}" for number, record in enumerate(records, 1)]
