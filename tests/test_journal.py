"""The journal: what runs again when a process died, where, and how often."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bgtasks_adapters import add_task, drain, get_background_tasks
from bgtasks_adapters.__main__ import main as command_line
from bgtasks_adapters.exceptions import (
    InvalidOptionError,
    InvalidTaskError,
    JournalError,
    UnsafeArgumentError,
)
from bgtasks_adapters.journal import Journal
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.stores import Row
from bgtasks_adapters.testing import capture_background_tasks

from .fates import Fates
from .programs import Ended, journalled, run, running
from .wsgi_server import PATIENCE, WsgiExchange, app_of, bounded

KILLED = -9


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "tasks.sqlite3")


def rows(path: str) -> list[Row]:
    """Return what is in a journal, read by a process that has no task in it."""
    journal = Journal(path)
    try:
        return journal.store.all_rows()
    finally:
        journal.close()


def names(path: str) -> list[str]:
    return [row.name for row in rows(path)]


def ran(ended: Ended) -> list[str]:
    return [line.removeprefix("ran ") for line in ended.said if line.startswith("ran ")]


# What a crash leaves, and who takes it.


def test_the_next_process_runs_what_a_killed_one_had(path: str) -> None:
    """The task that ran and those behind it, in order, with their arguments; not what ended."""
    died = run(journalled.hold_in_the_second_task, path)
    assert died.status == KILLED, died
    assert ran(died) == ["1", "holding 2"]
    assert names(path) == ["hold", "note", "anote"]
    again = run(journalled.go_on_without_holding, path, "3")
    assert again.status == 0, again
    assert ran(again) == ["held no longer 2", "3 ('word', ['drei', None])", "async 4"]
    assert rows(path) == []


def test_a_process_that_lives_takes_over(path: str) -> None:
    """It need not be the next one; nor does it give up what it is at itself."""
    with running(journalled.live, path) as alive:
        assert alive.stdout is not None
        assert alive.stdout.readline() == "ran holding alive\n"
        died = run(journalled.die_before_the_response, path)
        assert died.status == KILLED, died
        assert alive.stdout.readline() == "ran 1\n"
        assert alive.stdout.readline() == "succeeded note\n"
        journal = Journal(path)
        owner = journal.take_lease()
        (held,) = (row for row in journal.store.all_rows() if row.name == "hold")
        assert held.owner is not None
        assert not journal.leases.is_dead(held.owner)
        assert owner != held.owner
        journal.close()


def test_what_was_added_before_a_crash_runs_also_if_its_response_never_came(path: str) -> None:
    """Nobody can tell any more whether a client had it, and so at least once means: it runs."""
    assert run(journalled.die_before_the_response, path).status == KILLED
    again = run(journalled.go_on, path, "1")
    assert ran(again) == ["1"]


def test_a_task_that_failed_is_not_run_again(path: str) -> None:
    """The journal recovers from crashes; what a task raises is its end."""
    died = run(journalled.fail_and_die, path)
    assert died.status == KILLED, died
    assert ran(died) == ["1", "2"]
    assert names(path) == ["die"]


def test_after_three_crashes_a_task_is_set_aside_and_the_others_run(path: str) -> None:
    """With the reason; those that were with it, of its own response and of others, run."""
    died = run(journalled.die_with_others, path)
    assert died.status == KILLED, died
    left = names(path)
    assert left.count("die") == 1
    assert left.count("note") >= 7
    for _ in range(2):
        again = run(journalled.go_on, path, str(len(left)))
        assert again.status == KILLED, again
        left = names(path)
        assert "die" in left
    last = run(journalled.go_on, path, str(left.count("note")))
    assert last.status == 0, last
    assert last.said.count("succeeded note") == left.count("note")
    (row,) = rows(path)
    assert (row.name, row.is_set_aside, row.reason) == ("die", True, "3 processes died that had it")
    assert "Background task die (" in last.log
    assert "was set aside: 3 processes died that had it" in last.log
    assert run(journalled.go_on, path, "0").said == []


def test_a_child_that_outlives_its_parent_does_not_hold_its_lease(path: str) -> None:
    """A forked child has a lease of its own, and tasks of its own."""
    with running(journalled.fork_and_die, path) as parent:
        assert parent.stdout is not None
        lines = {parent.stdout.readline() for _ in range(2)}
        assert lines == {"ran holding parent\n", "ran holding child\n"}
        before = {row.args: row for row in map(_Of, rows(path))}
        parent.kill()
        parent.wait()
        journal = Journal(path)
        dead = {args: journal.leases.is_dead(of.owner) for args, of in before.items()}
        assert dead == {'[["parent"],{}]': True, '[["child"],{}]': False}
        journal.close()
        assert parent.stdin is not None
        parent.stdin.close()


class _Of:
    def __init__(self, row: Row) -> None:
        self.args = row.arguments
        assert row.owner is not None
        self.owner = row.owner


def test_what_a_shutdown_leaves_over_is_run_by_the_next_process(path: str) -> None:
    """The receipt names it, the journal has it; what never began has seen no crash."""
    ended = run(journalled.end_too_early, path)
    assert ended.status == 0, ended
    receipt = json.loads(Path(f"{path}.receipt").read_text())
    assert receipt["tasks_left_over"] == ["hold", "note"]
    held, waiting = rows(path)
    assert (held.name, held.owner is None) == ("hold", False)
    assert (waiting.name, waiting.owner, waiting.crashes) == ("note", None, 0)
    again = run(journalled.go_on_without_holding, path, "2")
    assert sorted(ran(again)) == ["3", "held no longer 2"]
    assert rows(path) == []


def test_nothing_is_left_behind_an_orderly_end(path: str) -> None:
    """What ended before the exit is deleted before it."""
    ended = run(journalled.end_in_order, path)
    assert ended.status == 0, ended
    assert len(ran(ended)) == 200
    assert rows(path) == []


def test_many_processes_open_a_journal_at_once(path: str) -> None:
    """And all of them add to it."""
    with ExitStack() as stack:
        programs = [stack.enter_context(running(journalled.add_many, path, "20")) for _ in range(6)]
        ended = [Ended(program, "go\n") for program in programs]
    assert [(each.status, len(ran(each))) for each in ended] == [(0, 21)] * 6, ended
    assert rows(path) == []


def test_what_can_no_longer_be_called_is_set_aside(path: str) -> None:
    """With the reason, as after a deployment that renamed a function."""
    assert run(journalled.die_before_the_response, path).status == KILLED
    ended = run(journalled.go_on_with_note_renamed, path)
    (row,) = rows(path)
    assert row.is_set_aside
    assert row.reason == "it cannot be run: 'tests.programs.journalled:note' leads to nothing here."
    assert "was set aside: it cannot be run" in ended.log


def test_an_adapter_with_a_lifespan_begins_before_the_first_request(path: str) -> None:
    """With the framework's surroundings, and ``async def`` tasks on the server's loop."""
    pytest.importorskip("quart")
    assert run(journalled.die_with_a_task_of_quart, path).status == KILLED
    again = run(journalled.go_on_at_startup, path)
    assert again.status == 0, again
    assert ran(again) == ["in books on the server's loop: True 1"]
    assert rows(path) == []


# As an outbox.


def test_a_task_that_was_to_be_handed_off_is_sent_by_the_next_process(
    path: str, tmp_path: Path
) -> None:
    """Under the id that it had; one that was to run here runs here."""
    folder = str(tmp_path / "queue")
    assert run(journalled.hand_off_and_die, path, folder).status == KILLED
    first, second = rows(path)
    assert (first.options, second.options) == ("{}", '{"handoff":false}')
    again = run(journalled.hand_off_what_is_left, path, folder)
    assert again.status == 0, again
    assert f"queued {first.id}" in again.said
    assert sorted(ran(again)) == ["here", "over there"]
    assert rows(path) == []


def test_an_engine_that_is_away_is_asked_again(path: str, tmp_path: Path) -> None:
    """The task is left over, and says so; then the journal hands it off, once."""
    ended = run(journalled.hand_off_to_one_that_is_away, path, str(tmp_path / "queue"))
    assert ended.status == 0, ended
    fates = [line for line in ended.said if line.endswith("note")]
    assert fates == ["left_over note", "left_over note", "handed_off note"], ended
    assert ended.said[-1] == "queued 1"
    assert "the journal will try again" in ended.log
    assert rows(path) == []


# On the line that adds a task.


def note(*args: object) -> None:
    noted.append(args)


noted: list[object] = []


def added(view: Callable[[], object], path: str, **settings: Any) -> None:
    noted.clear()
    journal = Journal(path)
    try:
        WsgiExchange(bounded(app_of(view), journal=journal, **settings)).run()
        assert drain(PATIENCE)
    finally:
        journal.close()


def test_add_task_refuses_what_no_other_process_could_run(path: str) -> None:
    """And says what to do instead."""

    def view() -> None:
        with pytest.raises(InvalidTaskError, match=r"using\(journal=False\)"):
            add_task(lambda: None)
        with pytest.raises(UnsafeArgumentError, match=r"args\[0\] is a builtins\.set"):
            add_task(note, {1})
        get_background_tasks().using(journal=False).add_task(note, {1})

    added(view, path)
    assert noted == [({1},)]
    assert rows(path) == []


def test_a_journal_that_cannot_be_written_refuses_the_task(path: str) -> None:
    """Nothing is queued that a crash would lose."""
    Path(path).write_text("this is no database, but long enough to look like one" * 10)

    def view() -> None:
        with pytest.raises(JournalError, match=r"could not be written.*was not added"):
            add_task(note)

    added(view, path)
    assert noted == []


def test_where_tasks_are_captured_nothing_is_written(path: str) -> None:
    """But what could not be written is refused there, too."""

    def view() -> None:
        add_task(note, 1)
        with pytest.raises(UnsafeArgumentError):
            add_task(note, {1})

    with capture_background_tasks() as captured:
        added(view, path)
    assert [call.args for call in captured] == [(1,)]
    assert rows(path) == []


def test_replaced_and_skipped_tasks_leave_the_journal(path: str) -> None:
    """Whatever a task's fate is, it ends its entry."""
    fates = Fates()

    def view() -> None:
        tasks = get_background_tasks()
        tasks.using(key="a").add_task(note, 1)
        tasks.using(key="a").add_task(note, 2)
        tasks.using(when=lambda outcome: False).add_task(note, 3)

    added(view, path, observers=[fates])
    assert sorted(fates.kinds) == ["replaced", "skipped", "succeeded"]
    assert rows(path) == []


def test_the_file_is_for_its_owner_only(path: str) -> None:
    """It holds arguments, and who can write to it can have functions called."""
    added(lambda: add_task(note), path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize(
    ("journal", "message"),
    [
        (5, "Setting journal=5 is not valid: use the path of a file"),
        ("", "use the path of a file"),
        ("/there/is/no/such/folder/tasks", "there is no folder /there/is/no/such/folder"),
    ],
)
def test_a_setting_that_names_no_file_is_refused(journal: Any, message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        Settings(journal=journal)


def test_a_path_is_a_journal_with_its_defaults(path: str) -> None:
    """``journal="tasks.sqlite3"`` is what the documentation shows."""
    journal = Settings(journal=path).journal
    assert isinstance(journal, Journal)
    assert (str(journal.path), journal.set_aside_after) == (path, 3)
    with pytest.raises(InvalidOptionError, match="1 or more"):
        Journal(path, set_aside_after=0)


def test_a_journal_of_a_later_version_is_refused(path: str) -> None:
    """Its tables may mean something else."""
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 99")
    connection.close()
    journal = Journal(path)
    with pytest.raises(JournalError, match="another version of this library"):
        journal.store.all_rows()
    journal.close()


# Looking after it.


def look_after(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = command_line(["journal", *arguments])
    said = capsys.readouterr()
    return status, said.out + said.err


def test_what_is_left_can_be_listed_run_again_and_thrown_away(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m bgtasks_adapters journal``; by number, by name, or all of it."""
    assert run(journalled.end_too_early, path).status == 0
    status, table = look_after(capsys, path, "list")
    assert status == 0
    head, held, waiting = table.splitlines()
    assert head.split() == ["number", "added", "crashes", "task", "arguments", "state"]
    assert held.endswith("hold  [[2],{}]   left by a process that died")
    assert waiting.endswith("note  [[3],{}]   waits for a process")
    status, said = look_after(capsys, path, "retry")
    assert (status, said.partition(":")[2][:17]) == (1, " Say which tasks:")
    assert look_after(capsys, path, "retry", "hold") == (
        0,
        "1 task(s) will be run by a process of the application.\n",
    )
    assert look_after(capsys, path, "discard", "3") == (0, "1 task(s) were thrown away.\n")
    (row,) = rows(path)
    assert (row.name, row.owner, row.crashes) == ("hold", None, 0)
    assert look_after(capsys, path, "discard", "note") == (
        1,
        "journal: 'note' is not in the journal: it has ended, or never was.\n",
    )
    assert look_after(capsys, path, "discard", "--all") == (0, "1 task(s) were thrown away.\n")
    assert look_after(capsys, path, "list") == (0, "The journal is empty.\n")
    assert look_after(capsys, f"{path}x", "list") == (1, f"journal: there is no file {path}x\n")


def test_what_is_set_aside_runs_again_when_somebody_says_so(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if it had never crashed."""
    assert run(journalled.die_before_the_response, path).status == KILLED
    run(journalled.go_on_with_note_renamed, path)
    _, listed = look_after(capsys, path, "list", "--json")
    entry = json.loads(listed)
    assert entry["state"].startswith("set aside: it cannot be run: ")
    assert (entry["path"], entry["arguments"]) == ("tests.programs.journalled:note", [[1], {}])
    assert look_after(capsys, path, "retry", str(entry["number"]))[0] == 0
    again = run(journalled.go_on, path, "1")
    assert ran(again) == ["1"]
    assert rows(path) == []


def test_what_a_process_has_is_not_taken_from_it(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A task that runs cannot be run again, or thrown away, beside it."""
    with running(journalled.live, path) as alive:
        assert alive.stdout is not None
        assert alive.stdout.readline() == "ran holding alive\n"
        status, said = look_after(capsys, path, "retry", "hold")
        assert (status, said) == (
            1,
            "journal: 'hold' is with a process that lives, which runs it, or will.\n",
        )
        assert look_after(capsys, path, "discard", "--all") == (0, "0 task(s) were thrown away.\n")
        assert names(path) == ["hold"]
