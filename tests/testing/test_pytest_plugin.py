"""The fixture, in a pytest of its own: alone, and beside the plugins that its users have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

SITE = """
from flask import Flask
from bgtasks_adapters import add_task
from bgtasks_adapters.flask import init_app

done = []
app = Flask(__name__)
init_app(app)


def work(name):
    done.append(name)


def fail():
    raise LookupError("a task's own")


@app.route("/work")
def working():
    add_task(work, "task")
    return "done"


@app.route("/fail")
def failing():
    add_task(fail)
    return "done"
"""


class Run:
    """One run of pytest over one file of tests."""

    def __init__(self, folder: Path, tests: str, *options: str) -> None:
        (folder / "site_under_test.py").write_text(SITE)
        (folder / "test_it.py").write_text(tests)
        ini = ["[pytest]", "filterwarnings = error"]
        if "no:asyncio" not in options:
            ini.append("asyncio_default_fixture_loop_scope = function")
        (folder / "pytest.ini").write_text("\n".join(ini))
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "DJANGO"))
        }
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.output = result.stdout + result.stderr
        self.outcomes = {
            kind: int(number)
            for number, kind in re.findall(r"(\d+) (passed|failed|errors?)", self.output)
        }


ALONE = [
    word
    for plugin in ("anyio", "asyncio", "django", "randomly", "xdist")
    for word in ("-p", f"no:{plugin}")
]
"""Without any plugin but its own."""

HEAD = """
import pytest
from site_under_test import app, done, fail, work
"""

SYNC = (
    HEAD
    + """
def test_now(background_tasks):
    app.test_client().get("/work")
    background_tasks.assert_added(work, "task")
    assert done.pop() == "task"


@pytest.mark.background_tasks(run="later")
def test_later(background_tasks):
    app.test_client().get("/work")
    assert done == []
    background_tasks.run()
    assert done.pop() == "task"


@pytest.mark.background_tasks("never")
def test_never(background_tasks):
    app.test_client().get("/work")
    assert [task.status for task in background_tasks] == ["pending"]


def test_expected_failure(background_tasks):
    app.test_client().get("/fail")
    assert str(background_tasks.assert_failed(fail, LookupError)) == "a task's own"
"""
)


def test_alone(tmp_path: Path) -> None:
    """The fixture is there with nothing but pytest, and its mark says how tasks run."""
    run = Run(tmp_path, SYNC, "--strict-markers")
    assert run.outcomes == {"passed": 4}, run.output


@pytest.mark.parametrize(
    "options",
    [
        ("-n", "2"),
        ("-p", "randomly", "-p", "no:xdist"),
        ALONE,
    ],
    ids=["xdist", "randomly", "without"],
)
def test_beside_others(tmp_path: Path, options: Sequence[str]) -> None:
    """In processes of xdist, in random order, and without any plugin but its own."""
    run = Run(tmp_path, SYNC, *options)
    assert run.outcomes == {"passed": 4}, run.output


ASYNC = (
    HEAD
    + """
import httpx
from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware


async def work_async(name):
    done.append(name)


async def application(scope, receive, send):
    add_task(work, "def")
    add_task(work_async, "async")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def get():
    transport = httpx.ASGITransport(app=BackgroundTasksMiddleware(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/")


@pytest.fixture(autouse=True)
def _forget():
    done.clear()


%(mark)s
async def test_now(background_tasks):
    await get()
    assert done == ["def", "async"]


%(mark)s
@pytest.mark.background_tasks("later")
async def test_later(background_tasks):
    await get()
    assert done == []
    await background_tasks.arun()
    assert done == ["def", "async"]
"""
)


@pytest.mark.parametrize(
    ("mark", "passed"),
    [("@pytest.mark.asyncio", 2), ("@pytest.mark.anyio", 4)],
    ids=["asyncio", "anyio"],
)
def test_async_tests(tmp_path: Path, mark: str, passed: int) -> None:
    """In coroutines of pytest-asyncio, and of anyio on asyncio and trio."""
    run = Run(tmp_path, ASYNC % {"mark": mark})
    assert run.outcomes == {"passed": passed}, run.output


DJANGO = """
from django.conf import settings

settings.configure(
    SECRET_KEY="for this test",
    ROOT_URLCONF="test_it",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    MIDDLEWARE=["bgtasks_adapters.django.BackgroundTasksMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)

import django
django.setup()

import pytest
from django.http import HttpResponse
from django.urls import path
from bgtasks_adapters import add_task


def greet(name):
    from django.contrib.auth.models import User

    User.objects.filter(username=name).update(first_name="greeted")


def view(request):
    from django.contrib.auth.models import User

    User.objects.create(username="ada")
    add_task(greet, "ada")
    return HttpResponse()


urlpatterns = [path("", view)]


@pytest.mark.django_db
def test_in_a_transaction(client, background_tasks, django_user_model):
    client.get("/")
    background_tasks.assert_added(greet, "ada")
    assert django_user_model.objects.get().first_name == "greeted"


@pytest.mark.django_db(transaction=True)
def test_without_one(background_tasks, client, django_user_model):
    client.get("/")
    assert django_user_model.objects.get().first_name == "greeted"


def test_callbacks(db, client, background_tasks, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        client.get("/")
    assert background_tasks[0].status == "succeeded"


def test_without_the_fixture(db, client, django_user_model):
    client.get("/")
    assert django_user_model.objects.get().first_name == "greeted"
"""


def test_with_pytest_django(tmp_path: Path) -> None:
    """Beside `db` and `client` of pytest-django, tasks see the rows of the test."""
    run = Run(tmp_path, DJANGO)
    assert run.outcomes == {"passed": 4}, run.output


def test_a_failure_is_the_tests(tmp_path: Path) -> None:
    """A task that fails unexpectedly fails the test, not its teardown, and shows where."""
    tests = HEAD + 'def test_it(background_tasks):\n    app.test_client().get("/fail")\n'
    run = Run(tmp_path, tests, *ALONE)
    assert run.outcomes == {"failed": 1}, run.output
    assert 'fail()  [failed: LookupError("a task\'s own")]' in run.output
    assert 'raise LookupError("a task\'s own")' in run.output


def test_a_failure_beside_the_tests_own(tmp_path: Path) -> None:
    """A test that fails by itself is told of the task in a note, and fails once."""
    tests = (
        HEAD
        + "def test_it(background_tasks):\n"
        + '    app.test_client().get("/fail")\n'
        + "    assert done == [1]\n"
    )
    run = Run(tmp_path, tests, *ALONE)
    assert run.outcomes == {"failed": 1}, run.output
    assert "assert [] == [1]" in run.output
    assert "fail()  [failed: LookupError" in run.output


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('run="nwo"', 'use "now", "later" or "never"'),
        ("run='later', timeout=0", "use a number of seconds above 0"),
        ("mode='later'", "@pytest.mark.background_tasks: "),
    ],
)
def test_a_bad_mark(tmp_path: Path, mark: str, message: str) -> None:
    """A mark with a bad value is refused, saying what is good."""
    tests = f"{HEAD}\n@pytest.mark.background_tasks({mark})\ndef test_it(background_tasks): ...\n"
    run = Run(tmp_path, tests, *ALONE)
    assert run.outcomes == {"error": 1}, run.output
    assert message in run.output


def test_the_mark_alone(tmp_path: Path) -> None:
    """A test with the mark is captured without the fixture, and its failures count."""
    tests = (
        HEAD
        + '@pytest.mark.background_tasks("never")\n'
        + "def test_never():\n"
        + '    app.test_client().get("/work")\n'
        + "    assert done == []\n"
        + "@pytest.mark.background_tasks\n"
        + "def test_now():\n"
        + '    app.test_client().get("/fail")\n'
    )
    run = Run(tmp_path, tests, *ALONE)
    assert run.outcomes == {"passed": 1, "failed": 1}, run.output


def test_with_the_context_manager(tmp_path: Path) -> None:
    """Beside the fixture a second capture is refused, and its message names the first."""
    tests = (
        HEAD
        + "from bgtasks_adapters.testing import CaptureError, capture_background_tasks\n"
        + "def test_it(background_tasks):\n"
        + "    with pytest.raises(CaptureError, match='fixture background_tasks of test_it.py'):\n"
        + "        capture_background_tasks().__enter__()\n"
        + "def test_next(background_tasks): ...\n"
    )
    run = Run(tmp_path, tests, *ALONE)
    assert run.outcomes == {"passed": 2}, run.output
