"""The page on servers says what was measured."""

from __future__ import annotations

import pytest

from .page import PART, tables
from .record import Record
from .table import ROWS


@pytest.fixture(autouse=True)
def _is_written(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--record"):
        pytest.skip("the page is written when all is measured")


def test_the_page_shows_what_was_measured() -> None:
    """The tables of the page are those of the measurements that are kept."""
    assert tables(Record()) == PART.read()


def test_every_server_of_the_table_has_its_row_and_its_section() -> None:
    """Each row was measured, or says why not; what to set for it stands on the page."""
    record = Record()
    text = PART.page.read_text(encoding="utf-8")
    for row in ROWS:
        assert row.name in record.rows, f"{row.name} was never measured: run `make servers`"
        first_word = row.name.split()[0]
        assert f"\n### {first_word}" in text, f"nothing on the page says what to set for {row.name}"


def test_no_cell_is_held() -> None:
    """On no server does a client wait for tasks."""
    for name, row in Record().rows.items():
        assert "held" not in " ".join(row["cells"].values()), name
