"""``docs/servers.md``: the tables of what was measured, with what to set for each server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bgtasks_adapters.doctor.columns import COLUMNS
from bgtasks_adapters.doctor.ending import SIGTERM_COLUMN
from tests.pages import WrittenPart, table

from .record import Record
from .scenarios import PAST_TIMEOUT, RECYCLING, RELOAD, TIMEOUT
from .table import ROWS, Row

PART = WrittenPart(Path(__file__).parents[2] / "docs" / "servers.md", "measured", "make servers")

_NAMES = [column.name for column in COLUMNS]
_CONNECTION = _NAMES.index("next request")
TABLES: tuple[tuple[str, list[str]], ...] = (
    ("Complete while a task still runs", _NAMES[:_CONNECTION]),
    ("Other requests meanwhile, and clients that leave", _NAMES[_CONNECTION:]),
    (
        "The end of a process",
        [SIGTERM_COLUMN, PAST_TIMEOUT, RELOAD, RECYCLING, TIMEOUT],
    ),
)


def write_page(record: Record) -> None:
    """Put the tables of what was measured into the page, between its two marks."""
    PART.write(tables(record))


def tables(record: Record) -> str:
    """Return the tables in Markdown."""
    return "\n".join(_lines(record)).strip("\n")


def _lines(record: Record) -> Iterator[str]:
    for title, columns in TABLES:
        yield f"### {title}\n"
        yield table(["server", *columns], [_row(record, row, columns) for row in ROWS])
        yield ""
    versions = {
        f"{row.package} {kept['version']}"
        for row in ROWS
        if (kept := record.rows.get(row.name, {})).get("version")
    }
    yield (f"Measured with {record.machine}: {', '.join(sorted(versions, key=str.lower))}.")
    yield ""


def _row(record: Record, row: Row, columns: list[str]) -> list[str]:
    kept = record.rows.get(row.name, {})
    if "not run" in kept:
        return [row.name, f"not run: {kept['not run']}", *[""] * (len(columns) - 1)]
    cells = kept.get("cells", {})
    return [row.name, *(cells.get(column, "") for column in columns)]
