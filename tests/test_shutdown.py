"""The end of a process: what it waits for, for how long, and what it says behind it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from .programs import Ended, at_exit, on_a_loop, run

FATES = [
    "succeeded",
    "failed",
    "timed_out",
    "skipped",
    "replaced",
    "cancelled",
    "left_over",
    "handed_off",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "receipt.jsonl"


def read_receipt(path: Path) -> Any:
    """Return the one record of a receipt file, whose counts have to balance."""
    (line,) = path.read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert record["pending"] == 0
    assert record["added"] == sum(record[fate] for fate in FATES)
    assert len(record["tasks_left_over"]) == record["left_over"]
    return record


def receipts_logged(ended: Ended) -> list[str]:
    return [line for line in ended.log.splitlines() if "Receipt of process" in line]


def test_exit_waits_for_running_and_waiting_tasks(path: Path) -> None:
    """A process whose main thread has ended runs its tasks to the end, and then says so."""
    before = time.time()
    ended = run(at_exit.finish, str(path))
    assert ended.status == 0, ended
    assert ended.said == ["behind the main thread: def", "async", "last"]
    record = read_receipt(path)
    assert (record["added"], record["succeeded"], record["tasks_left_over"]) == (3, 3, [])
    assert before <= record["time"] <= time.time()
    (line,) = receipts_logged(ended)
    assert line.startswith(f"INFO Receipt of process {record['pid']}: 3 added, 0 pending, 3 succ")
    assert "left over:" not in line


def test_async_tasks_can_use_threads_at_exit() -> None:
    """An async task that runs at exit can use its loop's threads: name look-ups need them."""
    ended = run(at_exit.use_threads)
    assert ended.said == ["behind the main thread: def", "on a thread"], ended


def test_a_loop_that_its_server_left_open_runs_on() -> None:
    """Tasks on a loop that was stopped and not closed go on there at exit, and can use threads."""
    ended = run(on_a_loop.leave_the_loop_open)
    assert ended.said == [
        "finished on the loop of the server True",
        "on a thread",
        "the one behind True",
    ], ended
    assert ended.status == 0
    assert "2 succeeded" in ended.log


@pytest.mark.parametrize("kind", ["def", "async"])
def test_exit_is_bounded_and_names_what_is_left_over(kind: str, path: Path) -> None:
    """Behind `shutdown_timeout` the process ends; the running and the waiting task are named."""
    started = time.monotonic()
    ended = run(at_exit.hang, kind, str(path))
    assert time.monotonic() - started < 15
    assert ended.status == 0, ended
    assert ended.said == ["before"]
    record = read_receipt(path)
    assert (record["added"], record["succeeded"], record["left_over"]) == (3, 1, 2)
    assert record["tasks_left_over"] == ["the one that hangs", "the one behind"]
    (line,) = receipts_logged(ended)
    assert line.startswith("ERROR")
    assert line.endswith("left over: the one that hangs, the one behind")
    for name in record["tasks_left_over"]:
        assert f"ERROR Background task {name} was left over" in ended.log
    assert "0.3 s after the shutdown began" in ended.log


def test_a_process_without_tasks_writes_no_receipt(path: Path) -> None:
    """Where nothing was added, nothing is logged or written."""
    ended = run(at_exit.have_no_tasks, str(path))
    assert ended.status == 0, ended
    assert receipts_logged(ended) == []
    assert not path.exists()


def test_a_lifespan_without_tasks_writes_no_receipt() -> None:
    """A lifespan's shutdown in a process that had no task logs no receipt."""
    ended = run(at_exit.shut_a_lifespan_down)
    assert ended.said == ["lifespan.startup.complete lifespan.shutdown.complete"], ended
    assert receipts_logged(ended) == []


@pytest.mark.parametrize(
    ("program", "added"),
    [(at_exit.die_before_the_response_is_complete, 1), (at_exit.die_in_a_second_response, 2)],
)
def test_tasks_of_an_unfinished_response_are_left_over(
    program: Any, added: int, path: Path
) -> None:
    """A process that ends in the middle of a response names the tasks it had queued."""
    ended = run(program, str(path))
    assert "must not run" not in ended.out
    assert "its response was complete" in ended.log, ended
    record = read_receipt(path)
    assert (record["added"], record["left_over"]) == (added, 1)


def test_tasks_in_an_atexit_handler_run() -> None:
    """In an atexit handler, too late for threads that are waited for, tasks still run."""
    ended = run(at_exit.run_tasks_at_exit)
    assert ended.said == [
        "def task of a scope",
        "async task of a scope",
        "task of a response",
        "drained True",
    ], ended
    assert ended.status == 0, ended


def test_a_receipt_that_cannot_be_written_is_logged(tmp_path: Path) -> None:
    """A path that cannot be written costs an error record, and nothing else."""
    ended = run(at_exit.write_no_receipt, str(tmp_path / "no folder" / "receipt"))
    assert (ended.status, ended.said) == (0, ["ran"]), ended
    assert "ERROR The receipt could not be written" in ended.log
    assert len(receipts_logged(ended)) == 1


def test_each_receipt_path_gets_the_process_s_counts(tmp_path: Path) -> None:
    """Two settings with a path each: both get the same record of the whole process."""
    first, second = tmp_path / "first", tmp_path / "second"
    ended = run(at_exit.use_two_boundaries, str(first), str(second))
    assert read_receipt(first) == read_receipt(second), ended
    assert read_receipt(first)["added"] == 2


def test_receipts_are_appended(path: Path) -> None:
    """Each process adds one line to the file."""
    run(at_exit.write_no_receipt, str(path))
    run(at_exit.write_no_receipt, str(path))
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [record["added"] for record in records] == [1, 1]
    assert records[0]["pid"] != records[1]["pid"]


def test_an_error_of_the_main_thread_loses_no_task(path: Path) -> None:
    """A main thread that ends with an error leaves its tasks running to their end."""
    ended = run(at_exit.raise_in_main, str(path))
    assert ended.status == 1, ended
    assert ended.said == ["behind the main thread: def"]
    assert read_receipt(path)["succeeded"] == 1
