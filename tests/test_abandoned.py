"""A response that nobody ended: its tasks run, and it is said once in a process."""

from __future__ import annotations

from tests.programs import dropping, run


def test_a_dropped_response_is_a_warning_once_in_a_process() -> None:
    """All tasks run; the first dropped response of each process is a warning, the rest is not."""
    ended = run(dropping.drop_responses)
    assert ended.status == 0, ended
    assert ended.said == [f"ran {number}" for number in range(5)]
    levels = [
        line.split()[0]
        for line in ended.log.splitlines()
        if "A response with background tasks was dropped without being closed" in line
    ]
    assert levels == ["WARNING", "DEBUG", "DEBUG", "WARNING", "DEBUG"], ended
