"""What is in a journal, for who looks after it: listed, run again, thrown away.

The commands ``list``, ``retry`` and ``discard``, shared by ``python -m bgtasks_adapters journal``
and Django's ``manage.py bgtasks``.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from time import time
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.exceptions import JournalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bgtasks_adapters.stores import Leases, Row, Store

_CHOSEN = "numbers or names as `list` shows them; a receipt has the names of what was left over"


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Give a parser the three commands."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="command")
    listing = commands.add_parser("list", help="show what is kept, and why")
    listing.add_argument("--json", action="store_true", help="one object of JSON a line")
    for name, what in (
        ("retry", "run tasks again that were set aside or left over, as if they had never crashed"),
        ("discard", "throw tasks away that were set aside or left over"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("task", nargs="*", help=_CHOSEN)
        command.add_argument("--all", action="store_true", help="all that no process has")


def perform(options: Any, store: Store, leases: Leases) -> str:
    """Do what the command line says and return what there is to be said of it."""
    inventory = Inventory(store, leases)
    if options["action"] == "list":
        return inventory.as_json() if options["json"] else inventory.as_table()
    chosen = inventory.choose(options["task"], is_all=options["all"])
    if options["action"] == "retry":
        return f"{store.renew(chosen)} task(s) will be run by a process of the application."
    return f"{store.discard(chosen)} task(s) were thrown away."


class Inventory:
    """The entries of a journal, each with what became of it."""

    def __init__(self, store: Store, leases: Leases) -> None:
        self._rows = store.all_rows()
        owners = {row.owner for row in self._rows if row.owner is not None}
        self._dead = {owner for owner in owners if leases.is_dead(owner)}

    def _is_with_a_process(self, row: Row) -> bool:
        return row.owner is not None and row.owner not in self._dead

    def _state(self, row: Row) -> str:
        if row.is_set_aside:
            return f"set aside: {row.reason}"
        if self._is_with_a_process(row):
            return "with a process that lives"
        if row.owner is not None:
            return "left by a process that died"
        if row.due_at > time():
            return f"waits until {_time(row.due_at)}: {row.reason}"
        return "waits for a process"

    def as_table(self) -> str:
        if not self._rows:
            return "The journal is empty."
        head = ("number", "added", "crashes", "task", "arguments", "state")
        lines = [
            head,
            *(
                (
                    str(row.number),
                    _time(row.added_at),
                    str(row.crashes),
                    row.name,
                    row.arguments,
                    self._state(row),
                )
                for row in self._rows
            ),
        ]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def as_json(self) -> str:
        return "\n".join(
            json.dumps(
                {
                    "number": row.number,
                    "id": row.id,
                    "added_at": row.added_at,
                    "name": row.name,
                    "path": row.path,
                    "arguments": json.loads(row.arguments),
                    "crashes": row.crashes,
                    "state": self._state(row),
                }
            )
            for row in self._rows
        )

    def choose(self, wanted: Sequence[str], *, is_all: bool) -> list[Row]:
        """Return the entries of numbers or names; raise for those that a process has."""
        if bool(wanted) == is_all:
            raise JournalError(f"Say which tasks: {_CHOSEN}; or --all.")
        if is_all:
            return [row for row in self._rows if not self._is_with_a_process(row)]
        chosen: list[Row] = []
        for each in wanted:
            found = [row for row in self._rows if each in (str(row.number), row.name)]
            free = [row for row in found if not self._is_with_a_process(row)]
            if not found:
                raise JournalError(f"{each!r} is not in the journal: it has ended, or never was.")
            if not free:
                raise JournalError(
                    f"{each!r} is with a process that lives, which runs it, or will."
                )
            chosen += free
        return chosen


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
