"""What was measured of the servers, kept in a file, and the page that is made from it."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bgtasks_adapters.doctor.columns import Finding

from .table import ROWS

FILE = Path(__file__).parent / "measured.json"

Cells = dict[str, str]
"""The word of each column; of both kinds of task, where they differ."""


def cells_of(findings: Iterable[Finding]) -> Cells:
    """Join what was found for the two kinds of task."""
    words: dict[str, dict[str, str]] = {}
    for finding in findings:
        words.setdefault(finding.column, {})[finding.kind] = finding.word
    return {
        column: (
            next(iter(of_kind.values()))
            if len(set(of_kind.values())) == 1
            else ", ".join(f"{kind}: {word}" for kind, word in of_kind.items())
        )
        for column, of_kind in words.items()
    }


class Record:
    """The cells of all rows, and on what they were measured."""

    def __init__(self) -> None:
        kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
        self.machine: str = kept.get("machine", "")
        self.rows: dict[str, dict[str, Any]] = kept.get("rows", {})

    def cells(self, row: str) -> Cells:
        found: Cells = self.rows.get(row, {}).get("cells", {})
        return found

    def note(self, row: str, version: str, cells: Cells) -> None:
        kept = self.rows.setdefault(row, {"cells": {}})
        kept["version"] = version
        kept.pop("not run", None)
        kept["cells"].update(cells)

    def note_missing(self, row: str, reason: str) -> None:
        self.rows[row] = {"cells": {}, "not run": reason}

    def save(self) -> None:
        self.machine = f"CPython {platform.python_version()} on {platform.system()}"
        names = [row.name for row in ROWS]
        rows = {name: self.rows[name] for name in names if name in self.rows}
        kept = {"machine": self.machine, "rows": rows}
        FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
