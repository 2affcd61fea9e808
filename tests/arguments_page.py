"""The tables of docs/arguments.md: what ``add_task`` says of each thing that is passed."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "arguments.md"


def read_table(section: str) -> dict[str, str]:
    """Return the rows of a section's table: what is passed, and "fine", "refused" or the id."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    has_ids = "id" in head
    return {row[0]: row[2].strip("`") if has_ids and row[2] else row[1] for row in rows}
