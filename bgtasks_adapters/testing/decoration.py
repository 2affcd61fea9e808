"""The capture as a decorator of tests, with the parameter that it fills in."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from bgtasks_adapters.callables import returns_coroutine
from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.testing.captured import CapturedTasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from bgtasks_adapters.testing.capture import capture_background_tasks

R = TypeVar("R")


def decorated(
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
    return None


def _hiding(
    name: str | None, func: Callable[..., Any], wrapper: Callable[..., Any]
) -> Callable[..., Any]:
    """Hide the parameter, which pytest would take for the name of a fixture."""
    signature = inspect.signature(func)
    kept = [parameter for parameter in signature.parameters.values() if parameter.name != name]
    wrapper.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return wrapper
