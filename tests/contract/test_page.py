"""docs/frameworks.md says what tests have counted: every host is in its table, and nothing else."""

from __future__ import annotations

from .pairs import SHORT
from .record import PAGE, PART, Record, hosts_of_page


def test_every_host_has_its_row() -> None:
    """The table has a row for each of our hosts, and none for another."""
    assert hosts_of_page() == list(SHORT)


def test_the_table_is_written_by_tests() -> None:
    """What the page says is what was recorded: every promise was run, and kept."""
    record = Record()
    assert PART.read() == record.text(), f"`make contract` writes the table of {PAGE.name} anew"
    assert record.not_passed() == []
    assert "not run" not in record.text()
