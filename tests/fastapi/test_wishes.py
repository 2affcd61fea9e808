"""What FastAPI's users ask for: refused by its own class, granted by the dependency."""

from __future__ import annotations

from pathlib import Path

import pytest

from .wishes import OURS, THEIRS, WISHES, Wish

PAGE = Path(__file__).parents[2] / "docs" / "fastapi.md"
each_wish = pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.check.__name__)


@each_wish
def test_the_dependency_grants_it(wish: Wish) -> None:
    """Each wish holds with `BackgroundTasksDep`, on a real server."""
    wish.check(OURS)


@each_wish
def test_fastapis_own_class_does_not(wish: Wish) -> None:
    """It does not with FastAPI's own class; if it does one day, the page has to say so."""
    with pytest.raises(AssertionError):
        wish.check(THEIRS)


def test_the_page_names_them() -> None:
    """The table of the page has these wishes, and no others."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| asked for |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[:3] for row in cells] == [[wish.title, wish.where, "no"] for wish in WISHES]
