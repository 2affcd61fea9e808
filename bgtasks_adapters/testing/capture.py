"""Begin and end a capture: as a context manager, as a decorator, or by hand."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from bgtasks_adapters.callables import returns_coroutine
from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.testing.captor import Capture, When
from bgtasks_adapters.testing.captured import CapturedTasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

R = TypeVar("R")

_BETWEEN = ("contextlib", "unittest.case")
"""Modules that may stand between a test and what it calls here."""


class capture_background_tasks:
    """Capture the tasks of all responses that begin within, to see and assert what was added.

    A context manager, ``with`` and ``async with``, and a decorator of ``def`` and ``async def``
    tests, which fills in the parameter that is annotated ``CapturedTasks`` or called
    ``captured``. It gives ``CapturedTasks``. ``run``:

    - ``"now"``: tasks run when their response is over, before the client has it: on the thread, or
      in the coroutine, that makes the response.
    - ``"later"``: tasks that would run wait for ``captured.run()``, or ``await captured.arun()``.
    - ``"never"``: they do not run. What was not run when the capture ends is cancelled.

    In each case the outcome of the response decides as ever which tasks would run, and a task added
    inside ``atomic()`` waits for its commit. At the end a task that failed unexpectedly raises an
    ``AssertionError`` with its traceback, and with ``"now"`` one that has not ended within
    ``timeout`` seconds a ``CaptureError``. One capture at a time in a process; another raises
    ``CaptureError``.
    """

    def __init__(self, run: When = "now", *, timeout: float = 10.0) -> None:
        _check(run, timeout)
        self._run: When = run
        self._timeout = timeout
        self.capture = Capture(run, timeout)

    def begin(self, place: str) -> CapturedTasks:
        """Begin without a block, ``place`` naming who did; ``capture`` is to be ended then."""
        self.capture.begin(place)
        return CapturedTasks(self.capture)

    def __enter__(self) -> CapturedTasks:
        return self.begin(_place_of_caller())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.capture.check()
            else:
                self.capture.note_unexpected(error)
        finally:
            self.capture.end()

    async def __aenter__(self) -> CapturedTasks:
        return self.begin(_place_of_caller())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self.capture.acheck()
            else:
                self.capture.note_unexpected(error)
        finally:
            self.capture.end()

    def __call__(self, func: Callable[..., R]) -> Callable[..., R]:
        return _decorated(func, lambda: capture_background_tasks(self._run, timeout=self._timeout))


def _decorated(
    func: Callable[..., R], new_capture: Callable[[], capture_background_tasks]
) -> Callable[..., R]:
    """Return a test each call of which is within a capture of its own."""
    if isinstance(func, type) or not callable(func):
        raise InvalidOptionError(
            f"capture_background_tasks() was put on {func!r}, which is no function. For the tests "
            "of a class take the mixin CapturesBackgroundTasks."
        )
    name = _parameter(func)

    def filled(kwargs: dict[str, Any], captured: CapturedTasks) -> dict[str, Any]:
        return kwargs if name is None else {**kwargs, name: captured}

    if returns_coroutine(func):

        @functools.wraps(func)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            async with new_capture() as captured:
                result: Any = func(*args, **filled(kwargs, captured))
                return await result

        return _hiding(name, func, async_wrapper)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with new_capture() as captured:
            return func(*args, **filled(kwargs, captured))

    return _hiding(name, func, wrapper)


def _parameter(func: Callable[..., Any]) -> str | None:
    for name, annotation in getattr(func, "__annotations__", {}).items():
        # A string may name what only type checkers import.
        is_named = isinstance(annotation, str) and annotation.rsplit(".")[-1] == "CapturedTasks"
        if name != "return" and (annotation is CapturedTasks or is_named):
            return str(name)
    return "captured" if "captured" in inspect.signature(func).parameters else None


def _hiding(
    name: str | None, func: Callable[..., Any], wrapper: Callable[..., Any]
) -> Callable[..., Any]:
    """Hide the parameter, which pytest would take for the name of a fixture."""
    signature = inspect.signature(func)
    kept = [parameter for parameter in signature.parameters.values() if parameter.name != name]
    wrapper.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return wrapper


def _check(run: Any, timeout: Any) -> None:
    if callable(run):
        raise InvalidOptionError(
            "capture_background_tasks was put on a function without being called. "
            "Write: @capture_background_tasks()"
        )
    if run not in ("now", "later", "never"):
        raise InvalidOptionError(
            f'capture_background_tasks(run={run!r}): use "now", "later" or "never".'
        )
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not (is_number and timeout > 0):
        raise InvalidOptionError(
            f"capture_background_tasks(timeout={timeout!r}): use a number of seconds above 0."
        )


def _place_of_caller() -> str:
    frame = inspect.currentframe()
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        if not module.startswith("bgtasks_adapters.") and module not in _BETWEEN:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown place"
