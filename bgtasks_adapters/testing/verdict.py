"""Whether captured tasks fail their test: those that failed, though the test did not expect it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bgtasks_adapters.testing.captured import Record

_FAILURES = ("failed", "timed_out", "left_over")


def raise_unexpected(records: Sequence[Record]) -> None:
    """Raise an ``AssertionError`` that names the failures, and has the tasks' own as its cause."""
    found = _take_unexpected(records)
    if not found:
        return
    errors = [record.error for record in found if isinstance(record.error, Exception)]
    cause: Exception | None = None
    if errors:
        cause = errors[0] if len(errors) == 1 else ExceptionGroup("background tasks", errors)
    raise AssertionError(_said_of(found)) from cause


def note_unexpected(records: Sequence[Record], error: BaseException) -> None:
    """Say in a note to what a test raised by itself that tasks failed, too."""
    found = _take_unexpected(records)
    if found:
        error.add_note(_said_of(found))


def _take_unexpected(records: Sequence[Record]) -> list[Record]:
    found = [
        record
        for record in records
        if record.task.status in _FAILURES
        and not record.is_failure_expected
        and not record.response.raises_failures
    ]
    for record in found:
        record.is_failure_expected = True  # it is told once
    return found


def _said_of(records: list[Record]) -> str:
    lines = [
        "Background tasks failed. (Where a test expects that: captured.assert_failed(function).)",
        *(f"  {record}" for record in records),
    ]
    return "\n".join(lines)
