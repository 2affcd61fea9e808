"""BackgroundTask and BackgroundTasks as data: what adding gives, and the options of `using()`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from bgtasks_adapters import BackgroundTask, BackgroundTasks, InvalidOptionError


def function(*args: object, **kwargs: object) -> None: ...


async def async_function() -> None: ...


def test_add_task_returns_the_task() -> None:
    """`add_task` returns the task: what is called, with what, its name and its status."""
    tasks = BackgroundTasks()
    task = tasks.add_task(function, 1, "two", three=3)
    assert type(task) is BackgroundTask
    assert task.func is function
    assert task.args == (1, "two")
    assert task.kwargs == {"three": 3}
    assert task.is_async is False
    assert task.name == "function"
    assert task.status == "pending"
    assert tasks.tasks == [task]


@pytest.mark.anyio
async def test_keywords_of_a_task_may_have_any_name() -> None:
    """A task may have keywords `func`, `name`, `self`, `key`, `when` and `timeout`."""
    seen: dict[str, object] = {}

    def collect(**kwargs: object) -> None:
        seen.update(kwargs)

    given: dict[str, Any] = dict.fromkeys(
        ["func", "name", "self", "key", "when", "timeout", "args", "kwargs"], 1
    )
    tasks = BackgroundTasks()
    tasks.add_task(collect, **given)
    await tasks()
    assert seen == given
    seen.clear()
    tasks = BackgroundTasks()
    tasks.using(name="label").add_task(collect, **given)
    await BackgroundTask(collect, **given)()
    await tasks()
    assert seen == given


def test_using_labels_the_task_only() -> None:
    """`using(name=...)` changes the label; function and arguments stay what they are."""
    tasks = BackgroundTasks()
    task = tasks.using(name="welcome mail").add_task(function, 1)
    assert (task.name, task.func, task.args) == ("welcome mail", function, (1,))
    assert "welcome mail" in repr(task)
    assert tasks.add_task(function).name == "function"


def test_a_repr_shows_no_arguments() -> None:
    """A task's repr has its name and status, and never its arguments."""
    assert repr(BackgroundTask(function, "secret")) == "<BackgroundTask function pending>"


def test_a_later_task_of_a_key_replaces_the_earlier(caplog: pytest.LogCaptureFixture) -> None:
    """A later task of one key takes the place of the waiting one, which is reported at INFO."""
    caplog.set_level(logging.DEBUG, "bgtasks_adapters")
    tasks = BackgroundTasks()
    first = tasks.using(key="reindex").add_task(function)
    other = tasks.using(key="another").add_task(function)
    assert caplog.records == []
    second = tasks.using(key="reindex", name="second").add_task(function)
    assert [task.status for task in (first, other, second)] == ["replaced", "pending", "pending"]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "function was replaced" in record.message
    assert "'reindex'" in record.message


def test_cancel_takes_a_waiting_task_back() -> None:
    """`cancel(key)` is True, once, where a task of the key was waiting; False otherwise."""
    tasks = BackgroundTasks()
    task = tasks.using(key="reindex").add_task(function)
    assert tasks.cancel("unknown") is False
    assert tasks.cancel("reindex") is True
    assert task.status == "cancelled"
    assert tasks.cancel("reindex") is False


@pytest.mark.parametrize("when", ["sometimes", "Returned", "", 3, True, ["always"]])
def test_an_unknown_when_is_refused(when: Any) -> None:
    """An unknown `when` is a ValueError that shows it and the names that there are."""
    with pytest.raises(ValueError, match="'returned', 'success', 'always'") as caught:
        BackgroundTasks().using(when=when)
    assert isinstance(caught.value, InvalidOptionError)
    assert repr(when) in str(caught.value)


def test_an_async_when_is_refused() -> None:
    """An async function as `when` is refused: its answer, a coroutine, would always be true."""

    async def decide(outcome: object) -> bool:
        return False

    decide_later: Any = decide
    with pytest.raises(InvalidOptionError, match="async"):
        BackgroundTasks().using(when=decide_later)


@pytest.mark.parametrize("timeout", [0, -1, "5", float("nan"), True, [1]])
def test_a_bad_timeout_is_refused(timeout: Any) -> None:
    """A timeout that is no number of seconds above 0 is refused, and shown."""
    with pytest.raises(InvalidOptionError, match="a number of seconds above 0") as caught:
        BackgroundTasks().using(timeout=timeout)
    assert repr(timeout) in str(caught.value)


@pytest.mark.parametrize("option", ["name", "key"])
@pytest.mark.parametrize("value", [3, b"bytes", function])
def test_names_and_keys_are_strings(option: str, value: Any) -> None:
    """A name or key that is no string is refused, and shown."""
    options: dict[str, Any] = {option: value}
    with pytest.raises(InvalidOptionError, match=f"{option} is a string") as caught:
        BackgroundTasks().using(**options)
    assert repr(value) in str(caught.value)


def test_an_unknown_option_is_a_type_error() -> None:
    """`using()` takes no other keyword than its four."""
    unknown: dict[str, Any] = {"retries": 3}
    with pytest.raises(TypeError, match="retries"):
        BackgroundTasks().using(**unknown)


def test_a_timeout_on_a_def_function_is_refused() -> None:
    """A timeout on a def function is refused by name: a thread cannot be stopped."""
    tasks = BackgroundTasks()
    with pytest.raises(InvalidOptionError, match="a thread cannot be stopped") as caught:
        tasks.using(timeout=5).add_task(function)
    assert "function" in str(caught.value)
    assert tasks.tasks == []
    assert tasks.using(timeout=5).add_task(async_function).is_async


def test_one_using_adds_many_tasks() -> None:
    """The result of `using()` can add several tasks, each with its options."""
    tasks = BackgroundTasks()
    labelled = tasks.using(name="one of many")
    assert [labelled.add_task(function).name for _ in range(2)] == ["one of many"] * 2
