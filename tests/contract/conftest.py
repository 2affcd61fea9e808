"""Choose the form of the matrix, and give the tests of the contract itself what its suite has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bgtasks_adapters.contract.bench import Bench
from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.sites import StartSite

from .pairs import Form


def pytest_configure(config: pytest.Config) -> None:
    Form.is_long = bool(config.getoption("--long"))


@pytest.fixture
def visit(request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Bench.of(request.session).new_visit()
    yield visit
    visit.open()


@pytest.fixture
def start_site(request: pytest.FixtureRequest) -> StartSite:
    """Start the server of a pair; the caller has to end it."""
    return Bench.of(request.session).start
