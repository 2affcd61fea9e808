"""SIGTERM: leave so that the workers drain, and leave other people's handlers alone."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .programs import Ended, at_sigterm, on_a_loop, run, running


@contextmanager
def with_a_task(
    program: Callable[..., object], *arguments: str
) -> Generator[subprocess.Popen[str], None, None]:
    """Start a program, and enter the block when its task has started."""
    with running(program, *arguments) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "started\n", Ended(process)
        yield process


@pytest.mark.parametrize("mode", ["auto", "True"])
def test_sigterm_leaves_through_system_exit(mode: str) -> None:
    """Where SIGTERM would kill, the main thread leaves with 143 and the running task ends."""
    with with_a_task(at_sigterm.wait, mode) as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert ended.said == ["finished"], ended
    assert ended.status == 128 + signal.SIGTERM
    assert "Receipt of process" in ended.log


def test_handle_sigterm_false_leaves_the_default() -> None:
    """With `handle_sigterm=False` SIGTERM kills, as it does by default."""
    with with_a_task(at_sigterm.wait, "False") as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert ended.status == -signal.SIGTERM
    assert ended.said == []


@pytest.mark.parametrize("mode", ["auto", "False"])
def test_a_handler_of_the_server_stays(mode: str) -> None:
    """Where a server has a handler, "auto" and False leave it in place, alone."""
    with with_a_task(at_sigterm.wait_with_a_handler, mode) as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert ended.said == ["the server's handler", "went on", "finished"], ended
    assert ended.status == 0


def test_handle_sigterm_true_calls_the_handler_before() -> None:
    """With `handle_sigterm=True` a handler that was there is called, then the process leaves."""
    with with_a_task(at_sigterm.wait_with_a_handler, "True") as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert ended.said == ["the server's handler", "finished"], ended
    assert ended.status == 128 + signal.SIGTERM


def test_a_second_sigterm_ends_at_once() -> None:
    """A second SIGTERM, not told in one breath with the first, ends a process that still waits."""
    with with_a_task(at_sigterm.hang, "auto") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "main thread ended\n"
        told = time.monotonic()
        while process.poll() is None and time.monotonic() - told < 10:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        ended = Ended(process)
    assert ended.status == -signal.SIGTERM, ended


def test_sigterm_told_twice_in_one_breath_counts_once() -> None:
    """What a parent passes on and what its supervisor sends to the whole group is one SIGTERM."""
    with with_a_task(at_sigterm.wait_for_a_repetition) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "main thread ended\n"
        process.send_signal(signal.SIGTERM)
        process.stdin.write("go on\n")
        ended = Ended(process)
    assert ended.said == ["finished"], ended
    assert ended.status == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("backend", "status"), [("asyncio", 128 + signal.SIGTERM), ("trio", -signal.SIGTERM)]
)
def test_a_loop_in_the_main_thread_runs_its_tasks_first(backend: str, status: int) -> None:
    """Tasks on the loop that the signal interrupts end there, and only then the process."""
    with with_a_task(on_a_loop.serve_for_ever, backend) as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process, tell="go on\n")
    assert ended.said == ["finished on MainThread", "the one behind"], ended
    assert ended.status == status
    assert "2 succeeded" in ended.log
    assert "Traceback" not in ended.log


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_server_that_shuts_down_is_left_to_itself(backend: str) -> None:
    """SIGTERM in the middle of a lifespan's shutdown lets that come to its end."""
    with with_a_task(on_a_loop.shut_down, backend) as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process, tell="go on\n")
    behind = ["the one behind", "shutdown", "went on"]
    assert ended.said == ["finished on MainThread", *behind], ended
    assert ended.status == 0


@pytest.mark.parametrize(
    ("backend", "status"), [("asyncio", 128 + signal.SIGTERM), ("trio", -signal.SIGTERM)]
)
def test_a_loop_without_tasks_is_left_at_once(backend: str, status: int) -> None:
    """Where nothing is pending SIGTERM starts no wait: the process leaves in the handler."""
    with running(on_a_loop.serve_nothing, backend) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert ended.said == [], ended
    assert ended.status == status
    assert ended.log == ""


def test_a_thread_that_holds_the_exit_is_ended_at_last(tmp_path: Path) -> None:
    """Held by a thread that is not ours, a process ends by the signal, behind its receipt."""
    receipt = tmp_path / "receipt.jsonl"
    told = time.monotonic()
    with with_a_task(at_sigterm.be_held_by_another_thread, str(receipt)) as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert time.monotonic() - told < 15
    assert ended.status == -signal.SIGTERM, ended
    (line,) = receipt.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["left_over"] == 1


def test_an_application_made_on_a_thread_sets_no_handler() -> None:
    """Made outside of the main thread, an application leaves SIGTERM as it was, and warns."""
    ended = run(at_sigterm.load_in_a_thread)
    assert sorted(ended.said) == ["default True", "ran"], ended
    assert "WARNING SIGTERM is not handled" in ended.log


def test_an_application_made_on_a_thread_leaves_a_handler() -> None:
    """Made outside of the main thread, where there is a handler, it says that it relies on that."""
    ended = run(at_sigterm.load_in_a_thread_below_a_handler)
    assert ended.said == ["ran"], ended
    assert "INFO SIGTERM is not handled" in ended.log


def test_sigterm_during_an_inline_task_leaves_it_over() -> None:
    """A task interrupted on the main thread itself is left over, and so are those behind it."""
    with with_a_task(at_sigterm.run_inline) as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert ended.said == [], ended
    assert ended.status == 128 + signal.SIGTERM
    assert "2 left_over" in ended.log
    assert "the process was told to end while it ran on the main thread" in ended.log


def test_a_thread_that_never_ends_does_not_hold_the_exit() -> None:
    """What SIGTERM alone would have ended is ended by it at last, with a receipt."""
    with with_a_task(at_sigterm.be_held_by_a_thread) as process:
        process.send_signal(signal.SIGTERM)
        ended = Ended(process)
    assert ended.status == -signal.SIGTERM, ended
    assert "1 succeeded" in ended.log
