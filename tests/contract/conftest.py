"""Choose the form of the matrix, record it, and give tests of the contract what its suite has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bgtasks_adapters.contract import plugin
from bgtasks_adapters.contract.bench import Bench
from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.sites import StartSite

from . import record
from .pairs import Form

RECORD = pytest.StashKey[record.Record]()


def pytest_configure(config: pytest.Config) -> None:
    Form.is_long = bool(config.getoption("--long"))
    is_process_of_xdist = hasattr(config, "workerinput")
    if config.getoption("--record") and not is_process_of_xdist:
        if any("::" in argument for argument in config.args):
            raise pytest.UsageError("--record counts whole hosts: choose with -k, not with ::")
        config.stash[RECORD] = record.Record()
        config.pluginmanager.register(config.stash[RECORD])


@pytest.hookimpl(tryfirst=True)  # before -k takes some away
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    pairs = {item: pair for item in items if (pair := plugin.pair_of(item))}
    record.mark({item: pair for item, pair in pairs.items() if _is_of_suite(item)})


def _is_of_suite(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and ".promises." in item.function.__module__


def pytest_sessionfinish(session: pytest.Session) -> None:
    kept = session.config.stash.get(RECORD, None)
    if kept is not None:
        kept.save()
        record.PART.write(kept.text())


@pytest.fixture
def visit(request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Bench.of(request.session).new_visit()
    yield visit
    visit.open()


@pytest.fixture
def another_visit(request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Bench.of(request.session).new_visit()
    yield visit
    visit.open()


@pytest.fixture
def start_site(request: pytest.FixtureRequest) -> StartSite:
    """Start the server of a pair; the caller has to end it."""
    return Bench.of(request.session).start
