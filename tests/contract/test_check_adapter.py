"""`check_adapter` as an author has it: what it refuses, what it says, where it finds a host."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import distribution, requires
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from bgtasks_adapters.contract import check_adapter
from bgtasks_adapters.exceptions import InvalidOptionError

ROOT = Path(__file__).parents[2]
AUTHORS = Path(__file__).parent / "authors"
IS_COMPLETE = "The complete response is with the client while a task of it still runs."
IS_NO_SUCCESS = "A returned 404 is no success; it counts as raised where no adapter saw the view."

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_pytest(tmp_path: Path) -> Run:
    """Run pytest on a module of tests outside every package, as another project does."""

    def run(
        name: str, *options: str, python: Sequence[str] = ("-P",), site: str = ""
    ) -> subprocess.CompletedProcess[str]:
        shutil.copy(AUTHORS / f"{name}.py", tmp_path / "test_adapter.py")
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -W error\n")
        unset = ("PYTEST_ADDOPTS", "DJANGO_SETTINGS_MODULE")
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in unset and not name.startswith("PYTEST_XDIST")
        }
        return subprocess.run(
            [
                sys.executable,
                *python,
                "-m",
                "pytest",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:asyncio",  # which warns of an option that has no value
                *options,
                "test_adapter.py",
            ],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), site]))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("name", "server", "test", "promise", "seen"),
    [
        ("broken_wsgi", "waitress", "is_complete and 304-held_def", IS_COMPLETE, "held: "),
        ("broken_asgi", "uvicorn", "is_complete and async-stream-held_def", IS_COMPLETE, "held: "),
        ("blind_wsgi", "waitress", "returns_an_error and waitress", IS_NO_SUCCESS, "skipped"),
    ],
)
def test_a_broken_adapter_is_refused(
    run_pytest: Run, name: str, server: str, test: str, promise: str, seen: str
) -> None:
    """An adapter that breaks a promise fails with that promise in words, and with where it is."""
    pytest.importorskip(server)
    result = run_pytest(name, "-k", test)
    assert result.returncode == 1, result.stdout
    _, _, failure = result.stdout.partition(" FAILURES ")
    title, first, second, *_ = failure.split("\n")[1:]
    assert title.strip("_ ").startswith("TestAdapter.test_")
    assert first == f"The adapter breaks a promise: {promise}"
    assert second.startswith(f"(host host, server {server}, view ")
    assert seen in failure.partition("Output of the server")[0]
    assert "Output of the server" in failure


def test_a_working_adapter_is_accepted(run_pytest: Run) -> None:
    """A module of tests outside every package needs one line, our package and pytest alone."""
    pytest.importorskip("waitress")
    options = ("-p", "no:xdist", "-p", "no:django", "-p", "no:anyio")
    result = run_pytest("working_wsgi", *options, "-k", "fate or connection")
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_a_module_is_found_in_any_import_mode(run_pytest: Run, mode: str) -> None:
    """A server's process finds the module of tests however pytest has imported it; with xdist."""
    pytest.importorskip("waitress")
    options = ("-n2", "--dist=loadgroup", f"--import-mode={mode}")
    result = run_pytest("working_wsgi", *options, "-k", "view_that")
    assert result.returncode == 0, result.stdout
    assert "4 passed" in result.stdout


def test_an_application_that_is_forgotten(run_pytest: Run) -> None:
    """What `make_host` raises or forgets is in the failure, with what to do."""
    pytest.importorskip("waitress")
    result = run_pytest("no_application", "-k", "view_that_returns")
    assert result.returncode == 1, result.stdout
    assert "test_adapter:make_host(settings) returned None of type NoneType" in result.stdout
    assert "Return the application" in result.stdout


def make_host(settings: dict[str, Any]) -> None:
    """Stands in for a good function: nothing calls it."""


async def make_async_host(settings: dict[str, Any]) -> None:
    """No server could call it."""


class Hosts:
    @staticmethod
    def make_host(settings: dict[str, Any]) -> None:
        """Cannot be found by a name in its module."""


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("an application", "of type str is not callable"),
        (lambda settings: None, "is a lambda"),
        (Hosts.make_host, "is nested"),
        (functools.partial(make_host), "is no function but of type partial"),
        (make_async_host, "is an async function"),
    ],
)
def test_a_function_that_no_server_can_find(host: Any, problem: str) -> None:
    """What a server's process cannot import by its name is refused, with what to pass instead."""
    with pytest.raises(InvalidOptionError, match=problem) as caught:
        check_adapter(host, "wsgi")
    assert "pass a function that stands in a module" in str(caught.value)


@pytest.mark.parametrize("module", ["__main__", "typed_in"])
def test_a_module_that_no_server_can_find(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """A function of the program itself, or of no file, is refused."""
    function = FunctionType(make_host.__code__, {"__name__": module}, "make_host")
    monkeypatch.setitem(sys.modules, "typed_in", ModuleType("typed_in"))
    with pytest.raises(InvalidOptionError, match=r"\(__main__\)|has no file"):
        check_adapter(function, "wsgi")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interface": "rsgi"}, "interface: 'rsgi' is not known. Use 'wsgi', 'asgi'."),
        ({"views": ["sync"]}, "views: 'sync' is not known. Use 'def', 'async'."),
        ({"shapes": "file"}, "shapes='file' is one string. Pass a sequence: shapes=('file',)"),
        ({"shapes": ["files"]}, "shapes: 'files' is not known. Use 'file', 'missing', "),
        ({"servers": ["uvicorn"]}, "servers for wsgi: 'uvicorn' is not known. Use "),
        ({"servers": []}, "servers is empty. Name one, or leave it out to try all."),
    ],
)
def test_an_option_that_is_no_choice(options: dict[str, Any], message: str) -> None:
    """An unknown choice is refused, and the known ones are named."""
    with pytest.raises(InvalidOptionError) as caught:
        check_adapter(make_host, **{"interface": "wsgi", **options})
    assert str(caught.value).startswith(message)


def test_the_defaults() -> None:
    """By default every installed server is tried that needs neither Django nor trio."""
    suite = check_adapter(make_host, "asgi")
    names = {pair.server.name for pair in suite.pairs}
    assert "hypercorn-trio" not in names
    assert all(not pair.server.missing for pair in suite.pairs)
    assert suite.host.views == ("async",)
    assert suite.host.name == "host"


def test_no_server_is_installed(run_pytest: Run, tmp_path: Path) -> None:
    """Where there is no server nothing can be promised, so one test fails and names them."""
    site = tmp_path / "nothing but pytest"
    site.mkdir()
    needed = [line for line in requires("pytest") or [] if ";" not in line]
    for name in ("pytest", *(re.split(r"[^\w-]", line)[0] for line in needed)):
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            (site / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    result = run_pytest("blind_wsgi", python=["-S"], site=str(site))
    assert result.returncode == 1, result.stdout + result.stderr
    assert "No server for wsgi is installed, so nothing of host was tested." in result.stdout
    assert "Install one or more of: granian, gunicorn" in result.stdout
