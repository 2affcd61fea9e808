"""Sites that are killed at random moments lose no task that they have acknowledged."""

from __future__ import annotations

from pathlib import Path

from tests.crash.__main__ import killed, wrongs
from tests.crash.account import account
from tests.crash.sites import KINDS

KILLS = 5
SEED = 5


def test_with_a_journal_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    """On gunicorn, on uvicorn, and in Django's transaction; what ran twice is explained."""
    results = list(killed(KILLS, SEED, tmp_path))
    assert len(results) == len(KINDS)
    assert [len(result.account.lost) for result in results] == [0, 0, 0]
    assert wrongs(results) == []
    assert all(result.account.acknowledged for result in results)


def test_without_one_the_account_says_what_is_lost(tmp_path: Path) -> None:
    """So that it would say it of a journal."""
    results = list(killed(KILLS, SEED, tmp_path, has_journal=False))
    assert any(result.account.lost for result in results)
    assert any("acknowledged and lost: [" in wrong for wrong in wrongs(results))


def test_the_account_tells_a_crash_from_what_none_excuses(tmp_path: Path) -> None:
    """Who notes something later was alive, and so its task was not to be run by another."""
    notes = tmp_path / "notes"
    lines = (
        "begin 1 a",  # killed in it
        "begin 2 a",
        "end 2 a",  # had just ended
        "begin 1 b",
        "begin 2 b",
        "end 1 b",
        "end 2 b",
        "begin 3 c",  # c is alive
        "begin 3 d",
        "end 3 d",
        "begin 4 d",
        "end 4 d",
        "begin 4 d",  # by the same process
        "end 4 d",
        "begin 5 d",
        "end 3 c",
    )
    notes.write_text("".join(f"{line}\n" for line in lines))
    found = account({1, 2, 3, 5, 6}, notes)
    assert found.killed_while_running == {1}
    assert found.ended_before == {2}
    assert found.unexplained == {3, 4}
    assert found.unfinished == {5}
    assert found.lost == {5, 6}
    assert found.unacknowledged == {4}
