"""Connections under load, as the database sees them, beside what the page says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from pytest_django import DjangoDbBlocker

from tests.django.database import POOL_SIZE, database_of
from tests.django.record import ROW_OF_CONNECTIONS, cells, written_rows

from .combinations import (
    ALL,
    MAX_WORKERS,
    REQUESTS,
    REQUESTS_IN_SHORT,
    SERVED_BY,
    SHORT,
    THREADS,
    Combination,
)
from .driving import drive


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "combination" in metafunc.fixturenames:
        combinations = ALL if metafunc.config.getoption("--long") else SHORT
        ids = ["-".join(map(str, combination)) for combination in combinations]
        metafunc.parametrize("combination", combinations, ids=ids)


def test_connections_under_load(
    combination: Combination,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    django_db_blocker: DjangoDbBlocker,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
) -> None:
    """Workers hold at most MAX_WORKERS connections, none in a transaction, and none when idle."""
    server = SERVED_BY[combination.interface]
    if server.missing:
        pytest.skip(f"{server.missing} is not installed")
    if not Path("/proc/net/tcp").exists():
        give_up("open connections are looked up in Linux's /proc")
    is_long = request.config.getoption("--long")
    requests = REQUESTS if is_long else REQUESTS_IN_SHORT
    is_pool = combination.database == "pool"
    # The observer has a connection of its own, and none of the pool.
    kind = "postgresql" if is_pool else combination.database
    with django_db_blocker.unblock():
        database = database_of(kind, tmp_path, give_up)
        with database.existing():
            counts, rows = drive(combination, database, requests, tmp_path)
    assert rows == 2 * requests, "a task is missing"
    assert counts.left_in_transaction == 0
    if is_pool:
        assert MAX_WORKERS <= counts.workers + counts.server <= POOL_SIZE
    else:
        assert counts.workers <= MAX_WORKERS
        assert counts.workers + counts.server >= 1
        assert counts.left_to_workers == 0
        if combination.interface == "wsgi":
            assert counts.server <= THREADS
        if combination.max_age == 0:
            assert counts.left_to_server == 0
    found = cells(combination, counts)
    record_property(ROW_OF_CONNECTIONS, found)
    if not request.config.getoption("--record"):
        # How many there were at most depends on how fast it went.
        assert written_rows()[combination.row][5:] == found[5:], "run `make test-django`"


def test_the_page_has_every_combination(request: pytest.FixtureRequest) -> None:
    """Each combination has its row on the page, and no count there is beyond its bound."""
    if request.config.getoption("--record"):
        pytest.skip("the page is written when all has been counted")
    rows = written_rows()
    assert list(rows) == [combination.row for combination in ALL]
    for combination in ALL:
        number, _, owner = rows[combination.row][3].partition(", ")
        bound = {"": MAX_WORKERS, "shared": POOL_SIZE, "of both": MAX_WORKERS + THREADS}[owner]
        assert int(number) <= bound
