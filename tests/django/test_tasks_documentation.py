"""What Django's documentation of its tasks framework says, point by point, of our backend."""

from __future__ import annotations

import datetime
import logging
import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import mail
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

tasks: Any = pytest.importorskip("django.tasks", reason="Django has tasks from 6.0 on")

from bgtasks_adapters import drain, task_scope  # noqa: E402
from bgtasks_adapters.django.backend import AfterResponseBackend  # noqa: E402
from tests.django_site.models import Note  # noqa: E402

from . import enqueued  # noqa: E402
from .enqueued import Seen, setting, signals_seen  # noqa: E402

exceptions = tasks.exceptions

PATIENCE = 10.0
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def afresh(settings: Settings) -> Iterator[None]:
    settings.TASKS = setting(KEEP_RESULTS=100)
    enqueued.calls.clear()
    enqueued.entered.clear()
    enqueued.release.clear()
    yield
    enqueued.release.set()


def run(task: Any, *args: Any, **kwargs: Any) -> Any:
    """Enqueue a task in what stands for a response, and return its result behind it."""
    with task_scope() as collection:
        result = task.enqueue(*args, **kwargs)
        collection.add_task(str)  # that others stand beside it changes nothing
    result.refresh()
    return result


def run_failing(task: Any, *args: Any) -> Any:
    results: list[Any] = []
    with pytest.raises(ExceptionGroup), task_scope():
        results.append(task.enqueue(*args))
    results[0].refresh()
    return results[0]


def email_everyone(addresses: list[str], subject: str, text: str) -> int:
    return send_mail(subject=subject, message=text, from_email=None, recipient_list=addresses)


def save_note_numbered(number: int) -> None:
    enqueued.calls.append(Note.objects.filter(text=str(number)).count())


async def nothing() -> None:
    pass


def no_context(word: str) -> None:
    pass


# Backends.


def test_backends_are_retrieved_by_alias() -> None:
    """`task_backends[...]` and `default_task_backend` are what TASKS names."""
    assert isinstance(tasks.task_backends["default"], AfterResponseBackend)
    assert tasks.default_task_backend.alias == "default"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("supports_defer", False),
        ("supports_async_task", True),
        ("supports_get_result", True),
        ("supports_priority", False),
    ],
)
def test_the_flags_say_what_is_supported(flag: str, value: bool) -> None:
    """A feature flag is True for what works, and False for what is refused."""
    assert getattr(tasks.default_task_backend, flag) is value


def test_the_flag_for_results_follows_the_option(settings: Settings) -> None:
    """Without KEEP_RESULTS no result can be retrieved, and the flag says so."""
    settings.TASKS = setting()
    assert tasks.default_task_backend.supports_get_result is False


# Definition.


def test_the_decorator_gives_a_task() -> None:
    """`@task` turns a module's function into a Task with the documented defaults."""
    task = tasks.task(email_everyone)
    assert isinstance(task, tasks.Task)
    assert (task.name, task.priority, task.queue_name, task.backend) == (
        "email_everyone",
        0,
        "default",
        "default",
    )
    assert (task.run_after, task.takes_context) == (None, False)


def test_an_async_function_may_be_a_task() -> None:
    """`async def` is accepted, as the flag says."""
    assert tasks.task(nothing).func is nothing


def test_a_function_within_another_is_refused() -> None:
    """Only functions of a module can be tasks."""

    def inner() -> None:
        pass

    with pytest.raises(exceptions.InvalidTask, match="module level"):
        tasks.task(inner)


def test_a_context_has_to_be_taken_first() -> None:
    """takes_context wants a first parameter `context`."""
    with pytest.raises(exceptions.InvalidTask, match="first argument of 'context'"):
        tasks.task(takes_context=True)(no_context)


def test_a_priority_is_refused() -> None:
    """Tasks run in the order of enqueue(), so a priority is an error and not ignored."""
    with pytest.raises(exceptions.InvalidTask, match="does not support setting priority"):
        tasks.task(priority=2)(email_everyone)
    with pytest.raises(exceptions.InvalidTask, match="does not support setting priority"):
        enqueued.add.using(priority=10)


def test_a_later_time_is_refused() -> None:
    """run_after wants a backend that stores tasks."""
    with pytest.raises(exceptions.InvalidTask, match="run_after"):
        enqueued.add.using(run_after=timezone.now() + datetime.timedelta(hours=1))


def test_a_queue_is_one_of_the_setting(settings: Settings) -> None:
    """A queue_name has to be in QUEUES, unless that is empty; each queue runs alike."""
    with pytest.raises(exceptions.InvalidTask, match="Queue 'emails' is not valid"):
        enqueued.add.using(queue_name="emails")
    for queues in (["default", "emails"], []):
        settings.TASKS = {"default": {**setting(KEEP_RESULTS=9)["default"], "QUEUES": queues}}
        result = run(enqueued.add.using(queue_name="emails"), 1, 2)
        assert (result.task.queue_name, result.return_value) == ("emails", 3)


def test_using_leaves_the_task_as_it_is(settings: Settings) -> None:
    """using() gives a changed copy."""
    settings.TASKS = {**setting(), "other": setting(KEEP_RESULTS=1)["default"]}
    changed = enqueued.add.using(backend="other")
    assert (enqueued.add.backend, changed.backend) == ("default", "other")
    assert run(changed, 1, 2).backend == "other"


def test_a_task_that_became_invalid_is_refused_when_enqueued(settings: Settings) -> None:
    """enqueue() validates as well: settings may differ from those of the definition."""
    settings.TASKS = {"default": {**setting()["default"], "QUEUES": ["others"]}}
    with pytest.raises(exceptions.InvalidTask, match="Queue 'default'"):
        enqueued.add.enqueue(1, 2)


# Enqueueing.


def test_mail_is_sent(settings: Settings) -> None:
    """The example: a task that sends mail, with keywords, and returns how many."""
    locmem = "django.core.mail.backends.locmem.EmailBackend"
    settings.MAILERS = {"default": {"BACKEND": locmem}}  # wanted from Django 6.1 on
    task = tasks.task(email_everyone)
    result = run(task, addresses=["a@example.com"], subject="A message", text="Hello")
    assert result.return_value == 1
    assert [message.subject for message in mail.outbox] == ["A message"]


def test_enqueue_returns_a_result() -> None:
    """What enqueue() returns is READY, and names the task, its arguments and its backend."""
    before = timezone.now()
    with task_scope():
        result: Any = enqueued.add.enqueue(1, b=2)
        assert isinstance(result, tasks.TaskResult)
        assert result.task == enqueued.add
        assert result.status is tasks.TaskResultStatus.READY
        assert (result.args, result.kwargs, result.backend) == ([1], {"b": 2}, "default")
        assert isinstance(result.id, str)
        assert 0 < len(result.id) < 64
        assert before <= result.enqueued_at <= timezone.now()
        assert (result.started_at, result.finished_at, result.last_attempted_at) == (None,) * 3
        assert (result.errors, result.worker_ids, result.attempts) == ([], [], 0)
        assert result.is_finished is False


@async_to_sync
async def _enqueue_async() -> Any:
    async with task_scope():
        result = await enqueued.add_async.aenqueue(1, 2)
        assert result.status == "READY"
    await result.arefresh()
    assert await enqueued.add_async.aget_result(result.id) == result
    assert await tasks.default_task_backend.aget_result(result.id) == result
    return result


def test_aenqueue_is_the_async_variant() -> None:
    """`aenqueue`, `arefresh` and both `aget_result` do what their namesakes do."""
    assert _enqueue_async().return_value == 3


def test_arguments_have_to_be_json() -> None:
    """What JSON does not know is a TypeError where it is enqueued, and nothing is queued."""
    with signals_seen() as seen, task_scope() as collection:
        with pytest.raises(TypeError):
            enqueued.twice_as_keys.enqueue(datetime.datetime.now(datetime.UTC))
        with pytest.raises(TypeError):
            enqueued.twice_as_keys.enqueue(Note(text="an instance"))
        assert collection.tasks == []
    assert seen == []


def test_a_tuple_arrives_as_a_list() -> None:
    """Arguments make the round trip through JSON: the documented failure of a tuple as a key."""
    result = run_failing(enqueued.twice_as_keys, (1, 2, 3))
    assert result.status == "FAILED"
    assert result.errors[0].exception_class is TypeError
    assert "unhashable type: 'list'" in result.errors[0].traceback
    assert run(enqueued.twice_as_keys, "key").return_value == {"key": "key"}


@pytest.mark.parametrize("task", [enqueued.attempt, enqueued.attempt_async])
def test_a_context_tells_of_the_attempt(task: Any) -> None:
    """takes_context: the function gets the attempt, 1, and the result that it is run for."""
    result = run(task, "word")
    assert result.return_value == [1, result.id, "word"]


@pytest.mark.parametrize("is_bound", [True, False])
def test_a_task_waits_for_the_commit(is_bound: bool) -> None:
    """The example with on_commit(partial(...)), and the same without: both see the row."""
    task = tasks.task(save_note_numbered)
    with task_scope():
        with transaction.atomic():
            Note.objects.create(text="1")
            if is_bound:
                transaction.on_commit(partial(task.enqueue, number=1))
            else:
                task.enqueue(number=1)
        assert enqueued.calls == []
    assert enqueued.calls == [1]


# Results.


def test_a_result_is_retrieved_by_its_id() -> None:
    """By the task, and by the backend whatever the task."""
    result = run(enqueued.add, 1, 2)
    assert enqueued.add.get_result(result.id) == result
    assert tasks.default_task_backend.get_result(result.id) == result


def test_a_result_that_does_not_exist() -> None:
    """An unknown id raises TaskResultDoesNotExist."""
    with pytest.raises(exceptions.TaskResultDoesNotExist):
        enqueued.add.get_result("unknown")
    with pytest.raises(exceptions.TaskResultDoesNotExist):
        async_to_sync(tasks.default_task_backend.aget_result)("unknown")


def test_a_result_of_another_task() -> None:
    """A task does not give out the result of another one."""
    result = run(enqueued.add, 1, 2)
    with pytest.raises(exceptions.TaskResultMismatch):
        enqueued.fail.get_result(result.id)


def test_results_are_not_kept_unless_asked_for(settings: Settings) -> None:
    """Without KEEP_RESULTS get_result() raises NotImplementedError, which names the option."""
    settings.TASKS = setting()
    with task_scope():
        result = enqueued.add.enqueue(1, 2)
    with pytest.raises(NotImplementedError, match="KEEP_RESULTS"):
        enqueued.add.get_result(result.id)
    with pytest.raises(NotImplementedError, match="KEEP_RESULTS"):
        result.refresh()


def test_a_result_changes_only_when_it_is_refreshed() -> None:
    """READY, RUNNING, SUCCESSFUL: each is what was true when the result was retrieved."""
    ready = enqueued.wait.enqueue()
    assert enqueued.entered.wait(PATIENCE)
    running: Any = enqueued.wait.get_result(ready.id)
    enqueued.release.set()
    assert drain(PATIENCE)
    assert (ready.status, running.status) == ("READY", "RUNNING")
    assert running.started_at is not None
    assert running.finished_at is None
    with pytest.raises(ValueError, match="not finished"):
        _ = running.return_value
    running.refresh()
    assert running.status == "SUCCESSFUL"
    assert running.is_finished


def test_a_finished_result() -> None:
    """Times in their order, one attempt, one worker, and the value."""
    result = run(enqueued.add, 1, 2)
    assert result.enqueued_at <= result.started_at <= result.finished_at
    assert result.last_attempted_at == result.started_at
    assert (result.attempts, len(result.worker_ids), result.errors) == (1, 1, [])
    assert result.return_value == 3
    assert result.is_finished


@pytest.mark.parametrize("task", [enqueued.fail, enqueued.fail_async])
def test_a_failed_result(task: Any) -> None:
    """The class of what was raised and its traceback; no value."""
    result = run_failing(task, "on purpose")
    (error,) = result.errors
    assert error.exception_class is LookupError
    assert error.traceback.startswith("Traceback")
    assert "LookupError: on purpose" in error.traceback
    assert result.is_finished
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value


def test_a_value_has_to_be_json() -> None:
    """A value that JSON does not know fails the task."""
    result = run_failing(enqueued.return_object)
    assert result.errors[0].exception_class is TypeError


def test_results_cannot_be_modified() -> None:
    """The attributes of tasks and results are read-only."""
    result: Any = run(enqueued.add, 1, 2)
    with pytest.raises(AttributeError):
        result.status = "FAILED"
    with pytest.raises(AttributeError):
        result.task.priority = 5


# Signals and the log.


@pytest.mark.parametrize("task", [enqueued.add, enqueued.add_async])
def test_the_signals_of_a_success(task: Any) -> None:
    """Enqueued, started, finished: once each, in this order, from the backend's class."""
    with signals_seen() as seen:
        result = run(task, 1, 2)
    sender = "AfterResponseBackend"
    assert seen == [
        Seen("enqueued", "READY", result.id, sender, None, False),
        Seen("started", "RUNNING", result.id, sender, None, False),
        Seen("finished", "SUCCESSFUL", result.id, sender, None, False),
    ]


@pytest.mark.parametrize("task", [enqueued.fail, enqueued.fail_async])
def test_the_signals_of_a_failure(task: Any) -> None:
    """The last one is sent where the exception is at hand."""
    with signals_seen() as seen:
        run_failing(task, "on purpose")
    assert [(s.signal, s.status, s.error) for s in seen] == [
        ("enqueued", "READY", None),
        ("started", "RUNNING", None),
        ("finished", "FAILED", "LookupError"),
    ]


@pytest.mark.parametrize("task", [enqueued.fail, enqueued.fail_async])
def test_django_logs_what_happens(task: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The logger `django.tasks` tells of each step, and of a failure with its traceback."""
    with caplog.at_level(logging.DEBUG, "django.tasks"):
        result = run_failing(task, "on purpose")
    records = [record for record in caplog.records if record.name == "django.tasks"]
    assert [record.levelname for record in records] == ["DEBUG", "INFO", "ERROR"]
    assert all(result.id in record.getMessage() for record in records)
    assert records[-1].exc_info is not None
    assert records[-1].exc_info[0] is LookupError


@pytest.mark.skipif(not hasattr(tasks.Task, "_reconstruct"), reason="pickled from Django 6.1 on")
def test_a_task_of_a_result_can_be_pickled() -> None:
    """A task is found again by its module's path (6.1)."""
    result = run(enqueued.add, 1, 2)
    assert pickle.loads(pickle.dumps(result.task)) == enqueued.add
