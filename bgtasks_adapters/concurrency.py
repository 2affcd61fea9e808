"""The bridges between threads, loops and contexts. It knows nothing of tasks or responses.

anyio and asyncio are imported only by what runs on a loop, so that WSGI use never pays for them.
"""

from __future__ import annotations

import sys
import threading
import types
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from bgtasks_adapters import greenlets

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from concurrent.futures import Future
    from contextlib import AbstractAsyncContextManager
    from contextvars import Context, ContextVar, Token

    StartOnLoop = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

T = TypeVar("T")


ENDED = object()
"""What the first step of a coroutine gives that ended with it."""


def start_in_context(
    context: Context, coroutine: Coroutine[Any, Any, object]
) -> Awaitable[object] | None:
    """Run a coroutine to its first wait, inside ``context``; return what is left to be awaited.

    That is None where it has ended: the one that never waits costs no more than its call. The rest
    works on asyncio and trio alike, within the caller's own task: its cancellation and its
    deadlines reach the coroutine, while context variables set there stay there.
    """
    yielded = context.run(next, coroutine.__await__(), ENDED)
    return None if yielded is ENDED else rest_in_context(context, coroutine, yielded)


@types.coroutine
def run_in_context(context: Context, coroutine: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Await a coroutine, each of its steps run inside ``context``."""
    try:
        yielded = context.run(coroutine.send, None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    return (yield from _steps(context, coroutine, yielded))


def rest_in_context(
    context: Context, coroutine: Coroutine[Any, Any, T], yielded: Any
) -> Awaitable[T]:
    """Await the rest of a coroutine that has ``yielded`` something inside ``context``."""
    return _awaitable_steps(context, coroutine, yielded)


def _steps(
    context: Context, coroutine: Coroutine[Any, Any, T], yielded: Any
) -> Generator[Any, Any, T]:
    try:
        while True:
            try:
                value = yield yielded
            except GeneratorExit:
                context.run(coroutine.close)
                raise
            except BaseException as error:
                yielded = context.run(coroutine.throw, error)
            else:
                yielded = context.run(coroutine.send, value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


_awaitable_steps = types.coroutine(_steps)


def no_loop(function: object) -> None:
    """Refuse: where tasks are called without an adapter nothing needs a loop beside them."""
    raise RuntimeError("there is no event loop here")


class EnteredFromThread:
    """Enter an asynchronous context manager from a thread without a loop, for code that runs there.

    Both its ends run on a loop, in one context of their own. What they set of context variables is
    set for the block, too.
    """

    def __init__(
        self, manager: AbstractAsyncContextManager[object], start_on_loop: StartOnLoop
    ) -> None:
        self._manager = manager
        self._start_on_loop = start_on_loop

    def __enter__(self) -> object:
        before = copy_context()
        self._context = before.copy()
        entered = self._wait_for(self._manager.__aenter__)
        self._tokens: list[tuple[ContextVar[Any], Token[Any]]] = [
            (variable, variable.set(value))
            for variable, value in self._context.items()
            if variable not in before or before[variable] is not value
        ]
        return entered

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> bool | None:
        for variable, token in reversed(self._tokens):
            variable.reset(token)
        return self._wait_for(lambda: self._manager.__aexit__(kind, error, traceback))

    def _wait_for(self, call: Callable[[], Awaitable[T]]) -> T:
        has_ended = threading.Event()
        results: list[T] = []
        errors: list[BaseException] = []

        async def awaited() -> T:
            return await call()

        async def step() -> None:
            try:
                results.append(await run_in_context(self._context, awaited()))
            except BaseException as error:
                errors.append(error)
                if not isinstance(error, Exception):
                    raise
            finally:
                has_ended.set()

        self._start_on_loop(step)
        has_ended.wait()
        if not errors:
            return results[0]
        if isinstance(errors[0], Exception):
            raise errors[0]
        raise RuntimeError("The event loop of the response ended") from errors[0]


def running_asyncio_loop() -> AbstractEventLoop | None:
    """Return the asyncio loop that runs on this thread, if asyncio is in use at all."""
    # Without the attribute, another thread is still importing asyncio, so no loop runs here.
    get_running_loop = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return None if get_running_loop is None else get_running_loop()


def is_on_loop() -> bool:
    """Tell whether the calling code runs on an event loop, asyncio's or trio's."""
    if running_asyncio_loop() is not None:
        return True
    in_trio_run = getattr(sys.modules.get("trio.lowlevel"), "in_trio_run", None)
    return in_trio_run is not None and bool(in_trio_run())


def is_cancellation(error: BaseException) -> bool:
    """Tell whether a coroutine that raised this was cancelled from outside.

    On asyncio a coroutine can raise CancelledError all by itself (it awaited something that was
    cancelled); on trio a cancellation always comes from a scope around it.
    """
    if running_asyncio_loop() is None:
        import anyio

        return isinstance(error, anyio.get_cancelled_exc_class())
    import asyncio

    return isinstance(error, asyncio.CancelledError) and is_cancelling()


def is_cancelling() -> bool:
    """Tell, on asyncio, whether the running task was cancelled, if it took notice or not."""
    if running_asyncio_loop() is None:
        return False
    import asyncio

    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class DeadlineExceededError(TimeoutError):
    """Raised by ``run_with_deadline`` for ``owner``; a TimeoutError of the awaited is another."""

    def __init__(self, owner: object, seconds: float) -> None:
        super().__init__(f"took longer than its timeout of {seconds} s")
        self.owner = owner


async def run_with_deadline(awaitable: Awaitable[T], seconds: float, owner: object = None) -> T:
    """Await something for at most ``seconds``, then cancel it and raise."""
    if running_asyncio_loop() is None:
        import anyio

        with anyio.move_on_after(seconds):
            return await awaitable
        cause = None
    else:
        import asyncio

        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                return await awaitable
        except TimeoutError as error:
            if not deadline.expired():
                raise
            cause = error
    raise DeadlineExceededError(owner, seconds) from cause


def loop_call_soon() -> Callable[[Callable[[], object]], object]:
    """Return the running loop's own way to be called from another thread."""
    if (loop := running_asyncio_loop()) is not None:
        return loop.call_soon_threadsafe
    from anyio.lowlevel import current_token

    native: Any = current_token().native_token
    return native.run_sync_soon  # type: ignore[no-any-return]


class ThreadEvent:
    """A flag that any thread sets and the loop that made it awaits."""

    def __init__(self) -> None:
        import anyio

        self._event = anyio.Event()
        self._call_soon = loop_call_soon()

    def set(self) -> None:
        """Wake the waiting coroutine; from any thread, and also when its loop has ended."""
        try:
            self._call_soon(self._event.set)
        except RuntimeError:
            # The loop is closed: nobody waits any more. trio's RunFinishedError is one, too.
            return

    async def wait(self) -> None:
        await self._event.wait()


def fulfil(future: Future[T], call: Callable[[], T]) -> None:
    """Make a call and pass on what came of it; for executors."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def run_in_daemon_thread(target: Callable[[], object], name: str) -> None:
    """Start a daemon thread: one that never holds the exit of the process."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    if greenlets.are_threads_greenlets():
        greenlets.start_soon(thread.start)
    else:
        thread.start()


def way_to_raise_in_main_thread() -> Callable[[BaseException], None]:
    """Return what the handler of a signal, which runs on the main thread, calls to raise there.

    Where threads are greenlets it may have come in the midst of another one, a task perhaps. There
    the error is raised a little later: when that one waits for something.
    """
    return greenlets.Bell().ring if greenlets.are_threads_greenlets() else _raise


def _raise(error: BaseException) -> None:
    raise error
