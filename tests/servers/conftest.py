"""Measure every server of the table: a few in the short form, all with --long.

With ``--record`` what was measured is written down, and the page made anew; without it, what was
measured is held against what is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

import pytest

from bgtasks_adapters.doctor.columns import Finding

from .page import write_page
from .record import Record, cells_of
from .scenarios import PAST_TIMEOUT
from .table import ROWS, SHORT, Row

RECORD = pytest.StashKey[Record]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RECORD] = Record()
    config.addinivalue_line("markers", "rows(only): picks the rows that can be measured so")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" not in metafunc.fixturenames:
        return
    rows = [row for row in ROWS if metafunc.config.getoption("--long") or row.name in SHORT]
    for mark in metafunc.definition.iter_markers("rows"):
        rows = [row for row in rows if mark.kwargs["only"](row)]
    metafunc.parametrize("row", rows, ids=lambda row: row.name)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--record"):
        record = session.config.stash[RECORD]
        record.save()
        write_page(record)


@pytest.fixture
def _installed(
    row: Row, request: pytest.FixtureRequest, give_up: Callable[[str], NoReturn]
) -> None:
    reason = row.missing()
    if not reason:
        return
    if request.config.getoption("--record"):
        request.config.stash[RECORD].note_missing(row.name, reason)
    if row.is_optional:
        pytest.skip(reason)
    give_up(reason)


@pytest.fixture
def hold(
    row: Row, request: pytest.FixtureRequest, _installed: None
) -> Callable[[Iterable[Finding]], None]:
    """Hold that findings are good, and those written down; or write them down."""

    def hold(findings: Iterable[Finding]) -> None:
        found = list(findings)
        record = request.config.stash[RECORD]
        if request.config.getoption("--record"):
            record.note(row.name, _version_of(row), cells_of(found))
        wrong = [each for each in found if not _is_as_it_can_be(each, row)]
        assert not wrong, "\n".join(
            f"{each.column}, {each.kind}: {each.word}: {each.detail}" for each in wrong
        )
        if not request.config.getoption("--record"):
            known = record.cells(row.name)
            cells = cells_of(found)
            assert cells == {column: known.get(column) for column in cells}, (
                "docs/servers.md says otherwise: run `make servers`"
            )

    return hold


def _is_as_it_can_be(finding: Finding, row: Row) -> bool:
    own = row.own.get(f"{finding.column}, {finding.kind}", row.own.get(finding.column))
    if own is not None:
        return finding.word == own
    return finding.word == "named" if finding.column == PAST_TIMEOUT else finding.is_good


def _version_of(row: Row) -> str:
    try:
        return version(row.package)
    except PackageNotFoundError:
        return ""
