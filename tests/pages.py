"""Pages of the documentation of which a part is written by tests, between two marks."""

from __future__ import annotations

from pathlib import Path


class WrittenPart:
    """What stands in a page between ``<!-- name: begin, written by `command` -->`` and its end."""

    def __init__(self, page: Path, name: str, command: str) -> None:
        self.page = page
        self._begin = f"<!-- {name}: begin, written by `{command}` -->"
        self._end = f"<!-- {name}: end -->"

    def read(self) -> str:
        _, part, _ = self._split()
        return part.strip("\n")

    def write(self, text: str) -> None:
        before, _, after = self._split()
        page = f"{before}{self._begin}\n\n{text}\n\n{self._end}{after}"
        self.page.write_text(page, encoding="utf-8")

    def _split(self) -> tuple[str, str, str]:
        before, begin, rest = self.page.read_text(encoding="utf-8").partition(self._begin)
        part, end, after = rest.partition(self._end)
        if not begin or not end:
            raise ValueError(f"{self.page} does not have both {self._begin} and {self._end}")
        return before, part, after


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def rows_of(markdown: str) -> list[list[str]]:
    """Return the cells of a table's rows, without its head."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
