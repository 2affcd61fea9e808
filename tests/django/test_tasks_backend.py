"""AfterResponseBackend: tasks of Django's tasks framework run as those of add_task() do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.checks import run_checks
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, TestCase
from django.test.utils import override_settings
from django.urls import path
from pytest_django import Settings

django_tasks: Any = pytest.importorskip("django.tasks", reason="Django has tasks from 6.0 on")

from bgtasks_adapters import NoActiveResponseError, drain, task_scope  # noqa: E402
from bgtasks_adapters.exceptions import TooManyPendingTasksError  # noqa: E402
from bgtasks_adapters.testing import capture_background_tasks  # noqa: E402
from tests.django_site.models import Note  # noqa: E402

from . import enqueued  # noqa: E402
from .enqueued import BACKEND, Seen, setting, signals_seen  # noqa: E402
from .exchange import PATIENCE, ask_asgi, ask_asgi_here, ask_wsgi  # noqa: E402
from .installations import Installation, Interface, installed  # noqa: E402
from .recorder import Recorder  # noqa: E402

results: list[Any] = []  # of the view's enqueue()
seen_at_response: list[Any] = []


def add_view(request: HttpRequest) -> HttpResponse:
    results.append(enqueued.add.enqueue(1, b=2))
    seen_at_response.append(list(enqueued.calls))
    return HttpResponse("added")


async def add_view_async(request: HttpRequest) -> HttpResponse:
    results.append(await enqueued.add_async.aenqueue(1, b=2))
    seen_at_response.append(list(enqueued.calls))
    return HttpResponse("added")


def waiting_view(request: HttpRequest) -> HttpResponse:
    results.append(enqueued.wait.enqueue())
    return HttpResponse("waiting")


def raising_view(request: HttpRequest) -> HttpResponse:
    results.append(enqueued.add.enqueue(1, 2))
    raise PermissionError("no")


def rolled_back_view(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        results.append(enqueued.add.enqueue(1, 2))
        transaction.set_rollback(True)
    return HttpResponse()


def failing_view(request: HttpRequest) -> HttpResponse:
    results.append(enqueued.fail.enqueue("def"))
    results.append(enqueued.fail_async.enqueue("async"))
    results.append(enqueued.add.enqueue(1, 2))
    return HttpResponse()


def chain_view(request: HttpRequest) -> HttpResponse:
    results.append(enqueued.enqueue_another.enqueue())
    return HttpResponse()


def exiting_view(request: HttpRequest) -> HttpResponse:
    results.append(enqueued.exit_now.enqueue())
    results.append(enqueued.add.enqueue(1, 2))
    return HttpResponse()


urlpatterns = [
    path("add", add_view),
    path("add-async", add_view_async),
    path("waiting", waiting_view),
    path("raising", raising_view),
    path("rolled-back", rolled_back_view),
    path("failing", failing_view),
    path("chain", chain_view),
    path("exiting", exiting_view),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def afresh(settings: Settings) -> Iterator[None]:
    settings.TASKS = setting(KEEP_RESULTS=100)
    results.clear()
    seen_at_response.clear()
    enqueued.calls.clear()
    enqueued.entered.clear()
    enqueued.release.clear()
    yield
    enqueued.release.set()


def ask(interface: Interface, app: Any, url: str) -> Any:
    reply = ask_asgi(app, url) if interface == "asgi" else ask_wsgi(app, url)
    assert drain(PATIENCE)
    return reply


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("installation", ["middleware", "boundary"])
@pytest.mark.parametrize("url", ["/add", "/add-async"])
def test_an_enqueued_task_runs_after_the_response(
    installation: Installation, interface: Interface, url: str
) -> None:
    """enqueue() and aenqueue() in a view only queue; the task runs behind the response."""
    with installed(installation, interface) as app:
        assert ask(interface, app, url).body == b"added"
    assert seen_at_response == [[]]
    assert enqueued.calls == [(1, 2)]
    (result,) = results
    assert result.status == "READY"  # as it was then
    result.refresh()
    assert (result.status, result.return_value) == ("SUCCESSFUL", 3)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_the_result_says_that_the_task_runs(interface: Interface) -> None:
    """The response is on its way, and the result RUNNING, while a task is still at work."""

    async def ask_and_look() -> None:
        # Without a lifespan the application returns behind its tasks.
        asking = asyncio.create_task(ask_asgi_here(app, "/waiting"))
        await asyncio.to_thread(look)
        assert (await asking).body == b"waiting"

    def look() -> None:
        assert enqueued.entered.wait(PATIENCE)
        results[0].refresh()
        assert results[0].status == "RUNNING"
        enqueued.release.set()

    with installed("boundary", interface) as app:
        if interface == "asgi":
            asyncio.run(ask_and_look())
        else:
            assert ask_wsgi(app, "/waiting").body == b"waiting"
            look()
        assert drain(PATIENCE)
    results[0].refresh()
    assert results[0].status == "SUCCESSFUL"


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/raising", "the view raised PermissionError"),
        ("/rolled-back", "its transaction was rolled back"),
    ],
)
def test_a_task_that_may_not_run_is_failed_with_the_reason(
    interface: Interface, url: str, reason: str
) -> None:
    """A view that raises, or a rollback, leaves a FAILED result that says so, and the signal."""
    with installed("boundary", interface) as app, signals_seen() as seen:
        ask(interface, app, url)
    assert enqueued.calls == []
    (result,) = results
    result.refresh()
    assert result.status == "FAILED"
    assert result.errors[0].exception_class.__name__ == "TaskNotRunError"
    assert f"add did not run: {reason}" in result.errors[0].traceback
    assert (result.started_at, result.attempts) == (None, 0)
    sender = "AfterResponseBackend"
    assert seen == [
        Seen("enqueued", "READY", result.id, sender, None, False),
        Seen("finished", "FAILED", result.id, sender, "TaskNotRunError", False),
    ]


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_failure_is_the_result_of_its_own_task_alone(interface: Interface) -> None:
    """A task that raises is FAILED and a failed background task; those behind it run."""
    recorder = Recorder()
    with installed("boundary", interface, OBSERVERS=[recorder]) as app, signals_seen() as seen:
        ask(interface, app, "/failing")
    for result in results:
        result.refresh()
    assert [result.status for result in results] == ["FAILED", "FAILED", "SUCCESSFUL"]
    assert [result.errors[0].exception_class for result in results[:2]] == [LookupError] * 2
    assert "LookupError: async" in results[1].errors[0].traceback
    assert sorted((fate.name, fate.kind) for fate in recorder.fates) == [
        ("add", "succeeded"),
        ("fail", "failed"),
        ("fail_async", "failed"),
    ]
    assert [(s.status, s.error) for s in seen if s.signal == "finished"] == [
        ("FAILED", "LookupError"),
        ("FAILED", "LookupError"),
        ("SUCCESSFUL", None),
    ]
    assert not any(s.is_on_loop for s in seen)


def test_a_task_that_exits_is_failed() -> None:
    """SystemExit in a task ends neither the process nor the worker, and the result says so."""
    with installed("boundary", "wsgi") as app, signals_seen() as seen:
        ask("wsgi", app, "/exiting")
    for result in results:
        result.refresh()
    assert [result.status for result in results] == ["FAILED", "SUCCESSFUL"]
    assert results[0].errors[0].exception_class is SystemExit
    assert [s.id for s in seen if s.signal == "finished"].count(results[0].id) == 1


def test_a_running_task_may_enqueue_another() -> None:
    """What a task enqueues runs behind it."""
    with installed("middleware", "wsgi") as app:
        ask("wsgi", app, "/chain")
    results[0].refresh()
    inner = enqueued.add.get_result(results[0].return_value)
    assert (inner.status, inner.return_value) == ("SUCCESSFUL", 7)


def test_a_receiver_that_raises_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What a receiver of the signals raises is logged; the task is enqueued and runs."""

    def refuse(**kwargs: Any) -> None:
        raise RuntimeError("a receiver's own error")

    signals = django_tasks.signals
    every = [signals.task_enqueued, signals.task_started, signals.task_finished]
    for signal in every:
        signal.connect(refuse)
    try:
        with installed("boundary", "wsgi") as app:
            assert ask("wsgi", app, "/add").status == 200
    finally:
        for signal in every:
            signal.disconnect(refuse)
    results[0].refresh()
    assert results[0].status == "SUCCESSFUL"
    logged = [r for r in caplog.records if r.exc_info and "own error" in str(r.exc_info[1])]
    assert len(logged) == 3


# Outside a response.


def test_outside_a_response_a_task_runs_at_once_on_a_worker() -> None:
    """By default enqueue() where no response is being made starts the task on the workers."""
    result = enqueued.wait.enqueue()
    assert enqueued.entered.wait(PATIENCE)
    enqueued.release.set()
    other = enqueued.add_async.enqueue(1, 2)
    assert drain(PATIENCE)
    for each in (result, other):
        each.refresh()
        assert each.status == "SUCCESSFUL"


def test_outside_a_response_a_task_waits_for_the_commit() -> None:
    """In a command's atomic() the task runs behind the commit, and not after a rollback."""
    with transaction.atomic():
        kept = enqueued.add.enqueue(1, 2)
        assert drain(PATIENCE)
        kept.refresh()
        assert kept.status == "READY"
    with transaction.atomic():
        dropped = enqueued.add.enqueue(3, 4)
        transaction.set_rollback(True)
    assert drain(PATIENCE)
    kept.refresh()
    dropped.refresh()
    assert (kept.status, dropped.status) == ("SUCCESSFUL", "FAILED")
    assert enqueued.calls == [(1, 2)]


def test_outside_a_response_it_may_be_an_error(settings: Settings) -> None:
    """OUTSIDE_RESPONSE="raise" raises, and says what to do; within a task_scope() it runs."""
    settings.TASKS = setting(OUTSIDE_RESPONSE="raise", KEEP_RESULTS=1)
    with pytest.raises(NoActiveResponseError, match="OUTSIDE_RESPONSE of the tasks backend 'def"):
        enqueued.add.enqueue(1, 2)
    with task_scope():
        result = enqueued.add.enqueue(1, 2)
        assert enqueued.calls == []
    result.refresh()
    assert result.status == "SUCCESSFUL"


@pytest.mark.parametrize("url", ["/add", "/add-async"])
def test_outside_a_response_another_backend_may_have_it(settings: Settings, url: str) -> None:
    """With an alias the other backend gets what is enqueued outside, and only that."""
    settings.TASKS = {
        **setting(OUTSIDE_RESPONSE="queue", KEEP_RESULTS=5),
        "queue": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"},
    }
    result = enqueued.add.enqueue(3, b=4)
    (queued,) = django_tasks.task_backends["queue"].results
    assert (result.id, result.backend, queued.args, queued.kwargs) == (
        queued.id,
        "queue",
        [3],
        {"b": 4},
    )
    assert enqueued.add.get_result(result.id) == queued
    with installed("boundary", "wsgi") as app:
        ask("wsgi", app, url)
    assert enqueued.calls == [(1, 2)]
    assert len(django_tasks.task_backends["queue"].results) == 1


def test_backpressure_is_that_of_add_task(settings: Settings) -> None:
    """At MAX_PENDING with OVERFLOW="refuse" enqueue() raises, and there is no result."""
    settings.BGTASKS = {"MAX_PENDING": 1, "OVERFLOW": "refuse"}
    enqueued.wait.enqueue()
    assert enqueued.entered.wait(PATIENCE)
    with signals_seen() as seen, pytest.raises(TooManyPendingTasksError):
        enqueued.add.enqueue(1, 2)
    assert seen == []


class InTestCase(TestCase):
    """In a TestCase tasks see the test's rows, and have run when enqueue() returns."""

    @override_settings(TASKS=setting(KEEP_RESULTS=5))
    def test_def_and_async(self) -> None:
        Note.objects.create(text="only here")
        for task in (enqueued.count_notes, enqueued.count_notes_async):
            result = task.enqueue()
            result.refresh()
            assert result.return_value == 1

    @override_settings(TASKS=setting(KEEP_RESULTS=5))
    async def test_from_an_async_test(self) -> None:
        await Note.objects.acreate(text="only here")
        for task in (enqueued.count_notes, enqueued.count_notes_async):
            result = await task.aenqueue()
            await sync_to_async(drain)(PATIENCE)
            await result.arefresh()
            assert result.return_value == 1

    @override_settings(TASKS=setting(KEEP_RESULTS=5))
    async def test_from_sync_code_of_an_async_test(self) -> None:
        await Note.objects.acreate(text="only here")
        for task in (enqueued.count_notes, enqueued.count_notes_async):
            result: Any = await sync_to_async(task.enqueue)()
            await result.arefresh()
            assert result.return_value == 1

    @override_settings(TASKS=setting(KEEP_RESULTS=5), ROOT_URLCONF=__name__)
    async def test_through_the_test_client(self) -> None:
        results.clear()
        response = await AsyncClient().get("/add-async")
        assert response.content == b"added"
        await results[0].arefresh()
        assert results[0].return_value == 3


# Results.


def test_only_as_many_finished_results_are_kept_as_asked_for(settings: Settings) -> None:
    """KEEP_RESULTS bounds what a process keeps; what has not finished is always there."""
    settings.TASKS = setting(KEEP_RESULTS=2)
    settings.BGTASKS = {"MAX_WORKERS": 2}
    running = enqueued.wait.enqueue()
    assert enqueued.entered.wait(PATIENCE)
    finished = []
    with task_scope():
        for number in range(4):
            finished.append(enqueued.add.enqueue(number, 0))
    found = []
    kept: list[Any] = [*finished, running]
    for result in kept:
        try:
            result.refresh()
            found.append(str(result.status))
        except django_tasks.exceptions.TaskResultDoesNotExist:
            found.append("forgotten")
    assert found == ["forgotten", "forgotten", "SUCCESSFUL", "SUCCESSFUL", "RUNNING"]


def test_results_are_found_from_any_thread() -> None:
    """A backend of another thread, which Django makes anew, finds the result."""
    result = enqueued.add.enqueue(1, 2)
    assert drain(PATIENCE)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(enqueued.add.get_result(result.id)))
    thread.start()
    thread.join(PATIENCE)
    assert found[0].return_value == 3


def test_a_forked_child_has_no_results_of_its_parent() -> None:
    """What the parent enqueued ends in the parent: a child does not claim to know of it."""
    result = enqueued.add.enqueue(1, 2)
    assert drain(PATIENCE)
    pid = os.fork()
    if pid == 0:
        try:
            enqueued.add.get_result(result.id)
            os._exit(1)
        except django_tasks.exceptions.TaskResultDoesNotExist:
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert enqueued.add.get_result(result.id).return_value == 3


# Configuration.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"OUTSIDE_RESPONSE": "later"}, "'later' is not valid: use 'run', 'raise'."),
        ({"OUTSIDE_RESPONSE": "default"}, "'default' is not valid: use 'run'"),
        ({"OUTSIDE_RESPONSE": None}, "None is not valid: use 'run', 'raise'"),
        ({"KEEP_RESULTS": True}, "True is not valid: use a whole number, 0 to keep none"),
        ({"KEEP_RESULTS": -1}, "-1 is not valid: use a whole number"),
        ({"keep_results": 1}, "['keep_results']=1 is not valid: it is unknown; use OUTSIDE_RES"),
    ],
)
def test_a_bad_option_is_named(settings: Settings, options: dict[str, Any], message: str) -> None:
    """An option that is unknown or has a bad value: the error says which, and what to use."""
    settings.TASKS = setting(**options)
    with pytest.raises(django_tasks.exceptions.InvalidTaskBackend) as caught:
        _ = django_tasks.task_backends["default"]
    assert message in str(caught.value)
    assert "TASKS['default']['OPTIONS']" in str(caught.value)


@pytest.mark.parametrize(
    ("middleware", "entry_point", "ids"),
    [
        ([], "tests.django.entry_points.plain_wsgi", ["bgtasks.W007"]),
        ([], None, ["bgtasks.W007"]),
        ([], "tests.django.entry_points.drop_in_wsgi", []),
        (["bgtasks_adapters.django.BackgroundTasksMiddleware"], None, []),
    ],
)
def test_a_project_that_sees_no_response_is_warned(
    settings: Settings, middleware: list[str], entry_point: str | None, ids: list[str]
) -> None:
    """Without the middleware or the boundary, `check` says what enqueue() does instead."""
    settings.MIDDLEWARE = middleware
    settings.WSGI_APPLICATION = entry_point
    found = [message for message in run_checks() if str(message.id).startswith("bgtasks.W007")]
    assert [message.id for message in found] == ids
    for message in found:
        assert "enqueue() runs it at once" in message.msg


def test_the_checks_name_what_happens_instead(settings: Settings) -> None:
    """The warning says what OUTSIDE_RESPONSE makes of a task."""
    settings.MIDDLEWARE = []
    for outside, words in (("raise", "raises NoActiveResponseError"), ("b", "the backend 'b'")):
        settings.TASKS = {**setting(OUTSIDE_RESPONSE=outside), "b": {"BACKEND": BACKEND}}
        messages = [m.msg for m in run_checks() if m.id == "bgtasks.W007"]
        assert words in messages[0]


def test_the_check_runs_in_a_project_that_has_not_imported_its_tasks_yet(tmp_path: Path) -> None:
    """The app has Django register the check of backends, which importing a task does otherwise."""
    (tmp_path / "bare_settings.py").write_text(
        'SECRET_KEY = "x"\n'
        'INSTALLED_APPS = ["bgtasks_adapters.django"]\n'
        f"TASKS = {{'default': {{'BACKEND': {BACKEND!r}}}}}\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "bare_settings"}
    result = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "bgtasks.W007" in result.stderr


@pytest.mark.parametrize("url", ["/add", "/add-async"])
def test_captured(url: str) -> None:
    """A capture shows what was enqueued as the call of the task's function, and fails for it."""
    task = enqueued.add if url == "/add" else enqueued.add_async
    with capture_background_tasks() as captured:
        Client().get(url)
        assert enqueued.calls == [(1, 2)]
    captured.assert_added(task, 1, b=2)
    captured.assert_added(task.func, a=1, b=2)
    captured.assert_not_added(task, 2, 1)
    assert (captured[0].func, captured[0].args, captured[0].kwargs) == (task.func, (1,), {"b": 2})
    results[0].refresh()
    assert results[0].status == "SUCCESSFUL"


def test_captured_and_never_run() -> None:
    """One that a capture gave up is failed, with the reason."""
    with capture_background_tasks("never") as captured:
        Client().get("/add")
        results[0].refresh()
        assert results[0].status == "READY"
    captured.assert_added(enqueued.add)
    assert drain(PATIENCE)
    results[0].refresh()
    assert results[0].status == "FAILED"
    assert "captured" in results[0].errors[0].traceback
