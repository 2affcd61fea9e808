"""What a framework puts around its tasks: the protocol of a host, and how a leg goes through it.

Four moments: *capture* and *hold*, on the line that adds a task; a *trip*, around a leg of tasks on
the thread or loop that runs it; and around each task, inside its context.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from bgtasks_adapters.arguments import rules_of_every_host
from bgtasks_adapters.concurrency import EnteredFromThread
from bgtasks_adapters.events import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from bgtasks_adapters.concurrency import StartOnLoop
    from bgtasks_adapters.holds import Hold
    from bgtasks_adapters.tasks import BackgroundTask

    Manager = AbstractContextManager[object] | AbstractAsyncContextManager[object]
    ToThread = Callable[[Callable[[], None]], Awaitable[object]]


class Surroundings(Protocol):
    """One trip of a host: what it puts around each task of a leg."""

    def around_task(self, captured: Any, /) -> Manager:
        """Surround one task, inside its context, with what was captured where it was added.

        An asynchronous context manager is entered on the response's loop, for ``def`` tasks too;
        what it sets of context variables is set on their thread.
        """
        ...


class TestThread(Protocol):
    """The thread of a test, for tasks that are captured: what belongs to it, they are to see.

    Such as a transaction that the test will roll back.
    """

    def wait_for(self, function: Callable[[], Awaitable[None]], /) -> None:
        """Wait, on a thread without a loop, for a coroutine whose ``def`` tasks run here."""

    async def to_thread(self, leg: Callable[[], None], /) -> None:
        """Run ``def`` tasks of a coroutine there."""


class HostContext(Protocol):
    """What a framework needs for its tasks, at the line that adds them and where they run.

    A subclass says what its framework has; what it leaves out, tasks go without.
    """

    def capture(self, task: BackgroundTask, /) -> Any:
        """Take from the line that adds a task what it will need, or raise to refuse it.

        A host looks at the arguments here, by its own rules and those of every host:
        ``arguments.ArgumentRules``.
        """
        rules_of_every_host.check(task)
        return None

    def hold(self, task: BackgroundTask, /) -> Hold | None:
        """Return what a task that is being added has to wait for; None if nothing."""
        return None

    def trip(self) -> AbstractContextManager[Surroundings]:
        """Surround a leg of ``def`` tasks, on the thread that runs it."""
        return nullcontext(self)

    def async_trip(self) -> AbstractAsyncContextManager[Surroundings]:
        """Surround a leg of ``async def`` tasks, on the loop that runs it."""
        return nullcontext(self)

    def around_task(self, captured: Any, /) -> Manager:
        """Surround one task; for a host whose trips have nothing more. See ``Surroundings``."""
        return nullcontext()

    def test_thread(self) -> TestThread | None:
        """Return the way to the thread of a test, where that matters; None where not."""
        return None


def around(
    trips: Sequence[Surroundings], captured: Sequence[Any], start_on_loop: StartOnLoop
) -> AbstractContextManager[object]:
    """Surround one ``def`` task with all its hosts' trips, the outermost first."""
    if len(trips) == 1 and captured:
        return _for_thread(trips[0].around_task(captured[0]), start_on_loop)
    with ExitStack() as stack:
        # A task added before an inner adapter joined has no capture of that adapter's.
        for trip, value in zip(trips, captured, strict=False):
            stack.enter_context(_for_thread(trip.around_task(value), start_on_loop))
        return stack.pop_all()


def _for_thread(manager: Any, start_on_loop: StartOnLoop) -> AbstractContextManager[object]:
    if hasattr(manager, "__enter__"):
        return manager  # type: ignore[no-any-return]
    return EnteredFromThread(manager, start_on_loop)


def around_async(
    trips: Sequence[Surroundings], captured: Sequence[Any]
) -> AbstractAsyncContextManager[object]:
    """Surround one ``async def`` task in the same way."""
    return _Around(trips, captured)


class _Around(AsyncExitStack):
    def __init__(self, trips: Sequence[Surroundings], captured: Sequence[Any]) -> None:
        super().__init__()
        self._pairs = zip(trips, captured, strict=False)

    async def __aenter__(self) -> _Around:
        for trip, value in self._pairs:
            manager: Any = trip.around_task(value)
            if hasattr(manager, "__enter__"):
                self.enter_context(manager)
            else:
                await self.enter_async_context(manager)
        return self


class Trip:
    """Enter a host's trip; what the host itself raises is logged, and the tasks run without it.

    A connection that cannot be closed is no reason to lose a task.
    """

    def __init__(self, new_trip: Callable[[], Any]) -> None:
        self._new_trip = new_trip
        self._entered: Any = None

    def __enter__(self) -> Surroundings:
        try:
            trip = self._new_trip()
            surroundings: Surroundings = trip.__enter__()
        except Exception as error:
            return _without(error)
        self._entered = trip
        return surroundings

    def __exit__(self, *error: object) -> None:
        if self._entered is not None:
            try:
                self._entered.__exit__(None, None, None)
            except Exception as failure:
                _without(failure)

    async def __aenter__(self) -> Surroundings:
        try:
            trip = self._new_trip()
            surroundings: Surroundings = await trip.__aenter__()
        except Exception as error:
            return _without(error)
        self._entered = trip
        return surroundings

    async def __aexit__(self, *error: object) -> None:
        if self._entered is not None:
            try:
                await self._entered.__aexit__(None, None, None)
            except Exception as failure:
                _without(failure)


class _Nothing:
    """The surroundings that stand in for those of a host that failed."""

    def around_task(self, captured: Any, /) -> AbstractContextManager[None]:
        return nullcontext()


def _without(error: Exception) -> Surroundings:
    logger.error("The surroundings of background tasks failed", exc_info=error)
    return _Nothing()
