"""Which callables are awaited, which are called, and which are refused where they are added."""

from __future__ import annotations

import functools
import gc
import inspect
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from bgtasks_adapters import BackgroundTask, BackgroundTasks, InvalidTaskError


def function() -> None: ...


async def async_function() -> None: ...


class Methods:
    def method(self) -> None: ...

    async def async_method(self) -> None: ...

    @classmethod
    async def async_class_method(cls) -> None: ...

    @staticmethod
    async def async_static_method() -> None: ...

    def __call__(self) -> None: ...


class AsyncObject:
    async def __call__(self) -> None: ...


def decorated(func: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(func)
    def wrapper() -> Any:
        return func()

    return wrapper


@pytest.mark.parametrize(
    ("func", "is_async"),
    [
        (function, False),
        (async_function, True),
        (Methods().method, False),
        (Methods().async_method, True),
        (Methods.async_class_method, True),
        (Methods.async_static_method, True),
        (Methods(), False),
        (AsyncObject(), True),
        (Methods, False),
        (AsyncObject, False),
        (functools.partial(function), False),
        (functools.partial(async_function), True),
        (functools.partial(functools.partial(AsyncObject())), True),
        (functools.partial(Methods().async_method), True),
        (lambda: None, False),
        (print, False),
        ([].append, False),
        (Mock(), False),
        (AsyncMock(), True),
        (sync_to_async(function), True),
        (async_to_sync(async_function), False),
        (decorated(async_function), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_is_async(func: Callable[..., object], is_async: bool) -> None:
    """Async functions, methods, partials and objects are told from def ones."""
    assert BackgroundTask(func).is_async is is_async


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect.markcoroutinefunction is newer")
def test_a_marked_function_is_async() -> None:
    """A def function that `inspect.markcoroutinefunction` has marked is async."""

    def marked() -> None: ...

    vars(inspect)["markcoroutinefunction"](marked)
    assert BackgroundTask(marked).is_async


def with_attribute() -> None: ...


with_attribute.func = function  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("func", "name"),
    [
        (function, "function"),
        (Methods().async_method, "Methods.async_method"),
        (functools.partial(functools.partial(function)), "function"),
        (functools.partial(Methods().method), "Methods.method"),
        (AsyncObject(), "AsyncObject"),
        (AsyncObject, "AsyncObject"),
        (sync_to_async(function), "function"),
        (Mock(), "Mock"),
        (print, "print"),
        (with_attribute, "with_attribute"),
    ],
)
def test_the_name_is_the_function_s(func: Callable[..., object], name: str) -> None:
    """A task is named after its function; partials and objects show what they stand for."""
    assert BackgroundTask(func).name == name


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


class GeneratorObject:
    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize("value", [None, 3, "function", object(), [function]])
def test_what_is_not_callable_is_refused(value: Any) -> None:
    """Something that is not callable is a TypeError that shows it, its type, and what to pass."""
    with pytest.raises(TypeError, match="not callable") as caught:
        BackgroundTasks().add_task(value)
    assert isinstance(caught.value, InvalidTaskError)
    assert repr(value) in str(caught.value)
    assert type(value).__name__ in str(caught.value)
    assert "add_task(func, *args, **kwargs)" in str(caught.value)


def test_a_coroutine_object_is_refused_and_closed() -> None:
    """`add_task(f())` says to pass `f`, and leaves no coroutine that was never awaited."""
    coroutine: Any = async_function()
    with pytest.raises(InvalidTaskError, match=r"add_task\(async_function, \.\.\.\)"):
        BackgroundTasks().add_task(coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del coroutine
        gc.collect()


@pytest.mark.parametrize(
    "func",
    [
        generator,
        async_generator,
        functools.partial(generator),
        functools.partial(async_generator),
        GeneratorObject(),
    ],
)
def test_generators_are_refused(func: Callable[..., object]) -> None:
    """A generator function of either kind is refused: calling it would run nothing."""
    tasks = BackgroundTasks()
    with pytest.raises(InvalidTaskError, match="generator function") as caught:
        tasks.add_task(func)
    assert "Pass a plain function that loops over the generator" in str(caught.value)
    assert tasks.tasks == []
