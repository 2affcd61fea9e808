"""What kind of callable was passed: ``def`` or ``async def``, its name, or why it cannot run.

The usual case, a plain function, is told from its code flags; ``inspect`` is imported only for
the rest, because it is slow to import.
"""

from __future__ import annotations

import functools
import sys
from types import FunctionType
from typing import Any

from bgtasks_adapters.exceptions import InvalidTaskError

# What inspect.markcoroutinefunction (3.12) and asgiref's older stand-in leave on a function.
COROUTINE_MARK = (
    "_is_coroutine_marker" if sys.version_info >= (3, 12) else "_is_coroutine"  # type: ignore[unreachable,unused-ignore]
)
CO_COROUTINE = 0x80
_CO_ANY_GENERATOR = 0x20 | 0x200  # async ones are the second
CO_UNKNOWN = 1 << 30
"""In the place of the code flags of what is no plain function."""
CO_UNUSUAL = _CO_ANY_GENERATOR | CO_UNKNOWN
"""Code flags of what ``is_async_callable`` has to look into."""


def is_async_callable(func: object) -> bool:
    """Tell ``async def`` from ``def``; raise ``InvalidTaskError`` for what can be neither."""
    if type(func) is FunctionType:
        flags = func.__code__.co_flags
        if flags & CO_COROUTINE:
            return True
        if not flags & _CO_ANY_GENERATOR:
            return hasattr(func, COROUTINE_MARK)
    import inspect

    if not callable(func):
        raise _not_callable(func)
    called = _called_functions(func)
    if any(inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f) for f in called):
        raise InvalidTaskError(
            f"add_task() got {label(func)}, a generator function: calling it runs nothing. "
            "Pass a plain function that loops over the generator."
        )
    return returns_coroutine(func)


def is_coroutine_function(func: object) -> bool:
    """Tell ``async def`` functions by their code alone, so without ``inspect``."""
    return isinstance(func, FunctionType) and bool(func.__code__.co_flags & CO_COROUTINE)


def returns_coroutine(func: Any) -> bool:
    """Tell whether calling ``func`` gives something to await."""
    import inspect

    called = _called_functions(func)
    # In the object's own dict, because a Mock has every attribute that one asks for.
    is_marked = COROUTINE_MARK in getattr(called[0], "__dict__", ())
    return is_marked or any(inspect.iscoroutinefunction(f) for f in called)


def _called_functions(func: Any) -> tuple[Any, Any]:
    """Return what a partial stands for, and the ``__call__`` that an object has instead."""
    while isinstance(func, functools.partial):
        func = func.func
    return func, type(func).__call__


def _not_callable(func: object) -> InvalidTaskError:
    import inspect

    if inspect.iscoroutine(func):
        name = func.__qualname__
        func.close()
        return InvalidTaskError(
            f"add_task() got the coroutine object {name}(...), which was called already. Pass the "
            f"function and its arguments apart: add_task({name}, ...)"
        )
    hint = " If that is what a function returned: it was called already." if func is None else ""
    return InvalidTaskError(
        f"add_task() got {func!r}, of type {type(func).__name__}, which is not callable.{hint} "
        "Pass a function and its arguments: add_task(func, *args, **kwargs)"
    )


def label(func: Any) -> str:
    while not hasattr(func, "__qualname__") and (
        isinstance(func, functools.partial) or "func" in getattr(func, "__dict__", ())
    ):
        func = func.func
    return str(getattr(func, "__qualname__", None) or type(func).__qualname__)
