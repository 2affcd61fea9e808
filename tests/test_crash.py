"""Sites that are killed at random moments lose no task that they have acknowledged."""

from __future__ import annotations

import pytest

from tests.crash.__main__ import main

KILLS = "5"


def test_with_a_journal_nothing_that_was_acknowledged_is_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On gunicorn, on uvicorn, and in Django's transaction; what ran twice is told."""
    status = main(["--kills", KILLS])
    said = capsys.readouterr().out
    assert status == 0, said
    assert said.count("; lost 0; ") == 3
    assert "; acknowledged 0; " not in said


def test_without_one_the_account_says_what_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """So that it would say it of a journal."""
    status = main(["--kills", KILLS, "--without-journal"])
    said = capsys.readouterr().out
    assert status == 1, said
    assert "acknowledged and lost: [[" in said
