"""What tests have found out for the tables of the documentation, and those tables.

A test notes it with ``record_property``, so that it comes to the process that writes, also from
another one of pytest-xdist.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.pages import WrittenPart, rows_of, table

from .load.combinations import ALL, Combination, Counts

DOCS = Path(__file__).parents[2] / "docs"
COMMAND = "make test-django"
TRANSACTIONS = WrittenPart(DOCS / "transactions.md", "tried", COMMAND)
CONNECTIONS = WrittenPart(DOCS / "databases.md", "counted", COMMAND)

ROW_OF_TRANSACTIONS = "row of docs/transactions.md"
ROWS_OF_TRANSACTIONS = "rows of docs/transactions.md"
ROW_OF_CONNECTIONS = "row of docs/databases.md"

HEAD_OF_TRANSACTIONS = ["the task was added", "what happens"]
HEAD_OF_CONNECTIONS = [
    "database",
    "server",
    "`CONN_MAX_AGE`",
    "of the workers, at most",
    "of the server's threads, at most",
    "idle in a transaction, afterwards",
    "of the workers, when they have idled",
]


def cells(combination: Combination, counts: Counts) -> list[str]:
    """Return a row of the table of connections."""
    total = counts.workers + counts.server
    left = str(counts.left_in_transaction)
    if combination.database == "pool":
        return [*combination.row, f"{total}, shared", "", left, ""]
    if combination.database == "sqlite" and combination.interface == "wsgi":
        return [*combination.row, f"{total}, of both", "", left, str(counts.left_to_workers)]
    is_without_views = combination.interface == "asgi" and not combination.do_views_read
    return [
        *combination.row,
        str(counts.workers),
        "" if is_without_views else str(counts.server),
        left,
        str(counts.left_to_workers),
    ]


def written_rows() -> dict[tuple[str, ...], list[str]]:
    """Return the rows of the table of connections as the page has them."""
    return {tuple(row[:3]): row for row in rows_of(CONNECTIONS.read())}


class Record:
    """The rows that tests have noted."""

    def __init__(self) -> None:
        self._situations: list[str] = []
        self._words: dict[str, set[str]] = {}
        self._counts: dict[tuple[str, ...], list[str]] = {}

    def note(self, properties: Iterable[tuple[str, object]]) -> None:
        for name, value in properties:
            if name == ROW_OF_TRANSACTIONS:
                added, word = _texts(value)
                self._words.setdefault(added, set()).add(word)
            elif name == ROWS_OF_TRANSACTIONS:
                self._situations = _texts(value)
            elif name == ROW_OF_CONNECTIONS:
                row = _texts(value)
                self._counts[tuple(row[:3])] = row

    def connections(self) -> list[list[str]]:
        """Return the rows that there are, in the order of the page."""
        order = [combination.row for combination in ALL]
        return [self._counts[row] for row in order if row in self._counts]

    def write(self) -> list[str]:
        """Write the tables into their pages; return why one of them could not be written."""
        problems: list[str] = []
        names = self._situations
        missing = [name for name in names if len(self._words.get(name, ())) != 1]
        if missing or not names:
            problems.append(
                f"{TRANSACTIONS.page.name} is not written: not tried, or not the same everywhere: "
                + "; ".join(f"{name} ({self._words.get(name)})" for name in missing)
            )
        else:
            rows = [[name, *self._words[name]] for name in names]
            TRANSACTIONS.write(table(HEAD_OF_TRANSACTIONS, rows))
        if len(self.connections()) < len(ALL):
            problems.append(
                f"{CONNECTIONS.page.name} is not written: {len(self.connections())} of {len(ALL)} "
                "combinations were counted"
            )
        else:
            CONNECTIONS.write(table(HEAD_OF_CONNECTIONS, self.connections()))
        return problems


def _texts(value: object) -> list[str]:
    assert isinstance(value, (list, tuple))
    return [str(cell) for cell in value]
