"""docs/examples/mixed: one shared package in a Django, a Flask and a FastAPI service, and a script.

They are started as the one command starts them. Their tasks deliver to a receiver of the test's,
which holds one until the test has the complete response, or refuses it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest

from together.receiver import PATIENCE, Delivery, Receiver
from together.services import COMMANDS, FOLDER, Service, run_script, running_services, start_script

ROOT = Path(__file__).resolve().parents[1]
SERVICES = tuple(COMMANDS)
MEMBERS: list[dict[str, Any]] = [
    {"id": 7, "address": "ada@example.org"},
    {"id": 8, "address": "grace@example.org"},
]
EXPECTED = [
    "mail ada@example.org Welcome, member 7!",
    "webhook 7",
    "mail grace@example.org Welcome, member 8!",
    "webhook 8",
    "digest 8",  # and none of 7: the later of one key replaced it
]
WHEN_SERVED = pytest.mark.parametrize("name", SERVICES)


class Provider:
    """Who answers the deliveries: at once, when it is told to, or with a refusal."""

    def __init__(self) -> None:
        self._go_on = threading.Event()
        self.held_kind = ""
        self.refused_kind = ""

    def reset(self) -> None:
        self._go_on.clear()
        self.held_kind = self.refused_kind = ""

    def answer(self, delivery: Delivery) -> int:
        if delivery.kind == self.held_kind and not self._go_on.wait(PATIENCE):
            return 504
        return 500 if delivery.kind == self.refused_kind else 204

    def release(self) -> None:
        self._go_on.set()


class Company:
    """The three services, the script, and whom they deliver to."""

    def __init__(
        self, receiver: Receiver, provider: Provider, services: dict[str, Service]
    ) -> None:
        self.receiver = receiver
        self.provider = provider
        self.services = services
        self._seen = dict.fromkeys((*SERVICES, "script"), 0)

    def come(self, name: str, count: int) -> list[str]:
        """Wait until so many new deliveries have come from a service, and return them."""
        seen = self._seen[name]
        return [str(one) for one in self.receiver.wait_for(name, seen + count)[seen:]]

    def forget(self) -> None:
        self.provider.reset()
        self._seen = {name: len(self.receiver.of(name)) for name in self._seen}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    provider = Provider()
    with (
        Receiver(provider.answer) as receiver,
        running_services(receiver.url, tmp_path_factory.mktemp("mixed")) as services,
    ):
        yield Company(receiver, provider, services)


@pytest.fixture
def company(started: Company) -> Iterator[Company]:
    """All of them at work, with nothing seen yet and nothing held."""
    started.forget()
    yield started
    started.provider.release()


def test_one_command_shows_them_all() -> None:
    """The page's command starts all, sends real requests, ends all, and finds no difference."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for line in (
        *(f"{name:8} 6 added, 5 succeeded, 1 replaced" for name in SERVICES),
        "The same in all four.",
    ):
        assert line in done.stdout
    assert done.stdout.count(", ".join(EXPECTED)) == 4


def join(connection: HTTPConnection, members: list[dict[str, Any]]) -> str:
    """Send a request on a connection that stays open, and return the answer."""
    connection.auto_open = 0 if connection.sock else 1
    body = json.dumps(members)
    connection.request("POST", "/members", body, {"Content-Type": "application/json"})
    return connection.getresponse().read().decode()


@WHEN_SERVED
@pytest.mark.parametrize("kind", ["mail", "webhook"])
def test_the_response_comes_before_the_tasks(company: Company, name: str, kind: str) -> None:
    """The complete response is with the client while a task waits, `def` or `async def`.

    So is the next one on that connection. The tasks behind the one that waits do, too, and come in
    the same order from every service.
    """
    company.provider.held_kind = kind
    connection = HTTPConnection(urlsplit(company.services[name].url).netloc, timeout=10)
    with closing(connection):
        assert join(connection, MEMBERS) == "Welcome!"
        assert join(connection, []) == "Welcome!"
    held = EXPECTED.index(next(one for one in EXPECTED if one.startswith(kind)))
    assert company.come(name, held + 1) == EXPECTED[: held + 1]
    company.provider.release()
    assert company.come(name, len(EXPECTED)) == EXPECTED


def test_the_script(company: Company) -> None:
    """The tasks of a script are the same, run at the end of its `task_scope`."""
    done = run_script(company.receiver.url, MEMBERS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Welcome!\n", "")
    assert company.come("script", len(EXPECTED)) == EXPECTED


@WHEN_SERVED
@pytest.mark.parametrize(("kind", "task"), [("mail", "send_mail"), ("webhook", "call_webhook")])
def test_a_failure_spares_the_others(company: Company, name: str, kind: str, task: str) -> None:
    """A task that fails is logged by its name, and those behind it run."""
    company.provider.refused_kind = kind
    assert company.services[name].join(MEMBERS) == "Welcome!"
    assert company.come(name, len(EXPECTED)) == EXPECTED
    assert f"Background task {task} failed" in company.services[name].log


@pytest.mark.parametrize(("kind", "error"), [("mail", "HTTPError"), ("webhook", "RefusedError")])
def test_a_failure_in_the_script_spares_the_others(company: Company, kind: str, error: str) -> None:
    """All tasks of a script run; then it fails with the errors of those that failed."""
    company.provider.refused_kind = kind
    done = run_script(company.receiver.url, MEMBERS)
    assert company.come("script", len(EXPECTED)) == EXPECTED
    assert done.returncode == 1
    assert done.stdout == "Welcome!\n"
    assert error in done.stderr


@pytest.mark.parametrize("kind", ["webhook", "digest"])
def test_sigterm_while_a_task_runs(tmp_path: Path, kind: str) -> None:
    """At SIGTERM each service finishes the task that runs and those behind it, then ends."""
    provider = Provider()
    provider.held_kind = kind
    held = EXPECTED.index(next(one for one in EXPECTED if one.startswith(kind)))
    with (
        Receiver(provider.answer) as receiver,
        running_services(receiver.url, tmp_path) as services,
    ):
        for name, service in services.items():
            service.join(MEMBERS)
            receiver.wait_for(name, held + 1)
            service.send_sigterm()
        provider.release()
        for name, service in services.items():
            service.wait_for_exit()
            assert [str(one) for one in receiver.of(name)] == EXPECTED
            receipt = service.receipt
            counts = {word: receipt[word] for word in ("added", "succeeded", "replaced")}
            assert counts == {"added": 6, "succeeded": 5, "replaced": 1}, service.log
            assert receipt["tasks_left_over"] == []


def test_sigterm_while_a_task_of_the_script_runs(tmp_path: Path) -> None:
    """A script is told to end as any other: its tasks run on its main thread, and end with it."""
    provider = Provider()
    provider.held_kind = "webhook"
    with Receiver(provider.answer) as receiver, start_script(receiver.url) as script:
        assert script.stdin is not None
        with script.stdin as lines:
            lines.write(json.dumps(MEMBERS))
        receiver.wait_for("script", 2)
        script.terminate()
        assert script.wait(PATIENCE) == -signal.SIGTERM
        provider.release()
    assert [str(one) for one in receiver.of("script")] == EXPECTED[:2]


# The shared package needs none of the frameworks.


@pytest.fixture(scope="module")
def interpreter(
    tmp_path_factory: pytest.TempPathFactory, give_up: Callable[[str], NoReturn]
) -> Path:
    """An environment with mypy, anyio and this library, and nothing else."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    if uv is None:
        give_up("uv is not installed")
    folder = tmp_path_factory.mktemp("alone") / "env"
    python = folder / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    commands: list[list[str | Path]] = [
        [uv, "venv", "--quiet", "--python", sys.executable, folder],
        [
            *(uv, "pip", "install", "--quiet", "--python", python),
            *("--constraints", constraints, "--build-constraints", constraints),
            *("mypy", "anyio", ROOT),
        ],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            give_up(f"the environment cannot be made, offline perhaps: {done.stderr}")
    return python


def run_mypy(python: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", "mypy", "--strict", "--config-file=", *arguments],
        cwd=FOLDER,
        env={**os.environ, "MYPYPATH": str(FOLDER), "MYPY_CACHE_DIR": str(python.parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_no_framework_is_there(interpreter: Path) -> None:
    """The environment has none of the frameworks, and the shared package can be imported."""
    code = (
        "import importlib.util as u, notifications\n"
        "print([n for n in ('django', 'flask', 'starlette', 'fastapi') if u.find_spec(n)])"
    )
    done = subprocess.run(
        [interpreter, "-c", code], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_shared_package_is_typed_without_them(interpreter: Path) -> None:
    """`mypy --strict` passes on the shared package, this library's types included."""
    done = run_mypy(interpreter, "-p", "notifications")
    assert done.stdout == "Success: no issues found in 3 source files\n", done.stderr


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('add_task(send_mail, 1, "too many")', "arg-type"),
        ('add_task(call_webhook, member="7")', "arg-type"),
        ("tasks.using(key='k').add_task(send_digest)", "call-arg"),
    ],
)
def test_a_wrong_call_is_reported(interpreter: Path, tmp_path: Path, call: str, error: str) -> None:
    """Arguments are checked against the task's own signature."""
    module = tmp_path / "wrong.py"
    module.write_text(
        "from bgtasks_adapters import BackgroundTasks, add_task\n"
        "from notifications.delivery import call_webhook, send_digest, send_mail\n"
        "tasks = BackgroundTasks()\n"
        "add_task(send_mail, 'ada@example.org', subject='right')\n"
        f"{call}\n"
    )
    done = run_mypy(interpreter, module)
    assert done.returncode == 1
    reported = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert reported, done.stdout + done.stderr
    assert all("wrong.py:5: error: " in line for line in reported)
    assert f"[{error}]" in done.stdout
