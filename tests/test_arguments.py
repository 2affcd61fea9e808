"""What add_task() says of arguments on any host, and that to look at them changes nothing."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bgtasks_adapters import (
    BackgroundTask,
    BackgroundTasks,
    BackgroundTasksWarning,
    InvalidTaskError,
    UnsafeArgumentError,
    add_task,
    task_scope,
)
from bgtasks_adapters.arguments import ArgumentRules, Finding, Rule
from tests.arguments_page import read_table


def ignore(*args: object, **kwargs: object) -> None:
    pass


def numbers() -> Iterator[int]:
    yield 1
    yield 2


async def async_numbers() -> AsyncIterator[int]:
    yield 1


async def nothing() -> None:
    pass


def started() -> Iterator[int]:
    generator = numbers()
    next(generator)
    return generator


def judge(func: Any, *args: Any) -> str:
    """Add a task; return what was said, in the words of the page."""
    with task_scope() as tasks, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            add_task(func, *args)
        except (UnsafeArgumentError, InvalidTaskError):
            return "refused"
        for task in tasks.tasks:  # what was added is looked at, and not run
            task.func, task.args = ignore, ()
    ids = {str(warning.message).partition(":")[0] for warning in caught}
    assert {warning.category for warning in caught} <= {BackgroundTasksWarning}
    assert len(ids) <= 1
    return ids.pop() if ids else "fine"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[io.TextIOWrapper]:
    with (tmp_path / "file").open("w+") as file:
        yield file


SAMPLES: dict[str, list[Callable[[], tuple[Any, ...]]]] = {
    "A generator, started or not": [
        lambda: (ignore, numbers()),
        lambda: (ignore, started()),
        lambda: (ignore, [numbers()]),
        lambda: (ignore, {"a": {"b": numbers()}}),
        lambda: (partial(ignore, numbers()),),
        lambda: (partial(ignore, key=numbers()), 1),
    ],
    "An async generator": [lambda: (ignore, async_numbers())],
    "A coroutine object, as the function": [lambda: (nothing(),)],
    "A generator function, as the function": [lambda: (numbers,), lambda: (async_numbers,)],
    "`io.BytesIO`, `sys.stderr`": [
        lambda: (ignore, io.BytesIO(b"data")),
        lambda: (ignore, sys.stdin, sys.stdout, sys.stderr),
    ],
}
PAGE = read_table("Everywhere")


@pytest.mark.parametrize(
    ("name", "sample"), [(name, sample) for name, samples in SAMPLES.items() for sample in samples]
)
def test_the_page_says_what_is_said(name: str, sample: Callable[[], tuple[Any, ...]]) -> None:
    """The rows of docs/arguments.md for every host."""
    func, *args = sample()
    assert judge(func, *args) == PAGE[name]


def test_a_coroutine_object() -> None:
    """One that is an argument would be missed if the task did not run."""
    with closing(nothing()) as coroutine:
        assert judge(ignore, coroutine) == PAGE["A coroutine object"]


def test_an_open_file(file: io.TextIOWrapper) -> None:
    """As an argument, and as the object whose method the function is; binary or not."""
    assert judge(ignore, file) == PAGE["An open file"]
    assert judge(file.write, "text") == PAGE["An open file"]
    assert judge(ignore, file.buffer) == PAGE["An open file"]


class Untouchable:
    """What an object may do that stands for another one: each question makes that one."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise AssertionError(name)

    def __eq__(self, other: object) -> NoReturn:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> NoReturn:
        raise AssertionError

    def __iter__(self) -> NoReturn:
        raise AssertionError


class UntouchableList(list[object]):
    def __iter__(self) -> NoReturn:
        raise AssertionError

    def __len__(self) -> NoReturn:
        raise AssertionError


class UntouchableDict(dict[str, object]):
    def values(self) -> NoReturn:
        raise AssertionError


def test_to_look_touches_nothing() -> None:
    """No attribute, no comparison and no method of a value is used."""
    value = Untouchable()
    assert judge(ignore, value, [value], (value,), {"a": value}, {"a": [value]}) == "fine"
    assert judge(ignore, UntouchableList([1, numbers()])) == "bgtasks.W110"
    assert judge(ignore, UntouchableDict(a=numbers())) == "bgtasks.W110"


def test_a_collection_of_ones_own_has_no_verdicts() -> None:
    """Without a response it is Starlette's class, which says nothing of arguments."""
    tasks = BackgroundTasks()
    tasks.add_task(ignore, numbers())  # a warning would be an error here
    assert len(tasks.tasks) == 1


@pytest.mark.parametrize(
    ("filters", "is_said"),
    [([], True), (["ignore:bgtasks.W110"], False), (["ignore:bgtasks.W111"], True)],
)
def test_pythons_filters_know_the_id(filters: list[str], is_said: bool) -> None:
    """A warning goes to the standard error with its line, unless a filter names its id."""
    options = [part for each in filters for part in ("-W", each)]
    program = (
        "from bgtasks_adapters import add_task, task_scope\n"
        "with task_scope():\n"
        "    for _ in range(3): add_task(list, (n for n in [1]))\n"
    )
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = "<string>:3: BackgroundTasksWarning: bgtasks.W110: add_task(list, ...) got a generator"
    assert done.stderr.count(shown) == is_said
    assert done.stderr.count("Warning") == is_said


def test_many_types_do_not_pile_up() -> None:
    """What is remembered of types is bounded, and the verdicts stay."""
    rules = ArgumentRules()
    for number in range(3000):
        rules.check(BackgroundTask(ignore, type(f"Type{number}", (), {})()))
        rules.check(BackgroundTask(ignore, type(f"List{number}", (list,), {})()))
    assert len(rules._rules) + len(rules._silent) <= 1010
    with pytest.warns(BackgroundTasksWarning, match=r"^bgtasks\.W110"):
        rules.check(BackgroundTask(ignore, 1, numbers()))


def test_a_host_has_rules_of_its_own() -> None:
    """Its rules come first; a finding without an id is refused, one with an id may be silenced."""

    def rule_of(kind: type[Any]) -> Rule | None:
        if kind is range:
            return lambda task, value: Finding("a range", "is too long", "Pass its end")
        if kind is bytearray:
            return lambda task, value: Finding("bytes", "change", "Pass bytes", "bgtasks.W999")
        return None

    task = BackgroundTask(ignore, bytearray(b"x"))
    ArgumentRules(rule_of, lambda id: id == "bgtasks.W999").check(task)
    with pytest.warns(BackgroundTasksWarning, match=r"^bgtasks\.W999: add_task\(ignore, \.\.\.\)"):
        ArgumentRules(rule_of).check(task)
    with pytest.raises(
        UnsafeArgumentError,
        match=r"^add_task\(ignore, \.\.\.\) got a range \(argument 'b'\), which is too long\. "
        r"Pass its end\.$",
    ):
        ArgumentRules(rule_of).check(BackgroundTask(ignore, 1, b=range(3)))
