"""Hold every promise over every pair of host and server: in the short form, or all with --long.

A test that takes `site` is run once a pair (once a pair and kind of view, if it takes `view`,
too). The server of a pair is started once, for all the tests that do not stop it.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Callable, Generator, Iterator

import pytest

from .gate import Gate, Visit
from .pairs import Pair, all_pairs, short_pairs
from .sites import Site, StartSite

OUTPUT = pytest.StashKey[Callable[[], str]]()

_tokens = (f"visit{number}" for number in itertools.count(1))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pairs(only): picks the pairs that a promise is about")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pair" not in metafunc.fixturenames:
        return
    is_long = metafunc.config.getoption("--long")
    pairs = list(all_pairs() if is_long else short_pairs())
    for mark in metafunc.definition.iter_markers("pairs"):
        pairs = [pair for pair in pairs if mark.kwargs["only"](pair)]
    if "view" in metafunc.fixturenames:
        both = [(pair, view) for pair in pairs for view in pair.views]
        metafunc.parametrize("pair,view", both, ids=[f"{pair}-{view}" for pair, view in both])
    else:
        metafunc.parametrize("pair", pairs, ids=str)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests of a pair together, so that one server runs at a time."""
    places = [index for index, item in enumerate(items) if _pair_of(item)]
    order = {str(pair): number for number, pair in enumerate(all_pairs())}
    ours = sorted((items[index] for index in places), key=lambda item: order[_pair_of(item)])
    for index, item in zip(places, ours, strict=True):
        item.add_marker(pytest.mark.xdist_group(_pair_of(item)))
        items[index] = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and OUTPUT in item.stash:
        report.sections.append(("Output of the server", item.stash[OUTPUT]()))
    return report


@pytest.fixture(scope="session")
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture
def visit(gate: Gate) -> Iterator[Visit]:
    visit = Visit(gate, next(_tokens))
    yield visit
    visit.open()


@pytest.fixture
def another_visit(gate: Gate) -> Iterator[Visit]:
    visit = Visit(gate, next(_tokens))
    yield visit
    visit.open()


@pytest.fixture(scope="session")
def start_site(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> StartSite:
    """Start the server of a pair; the caller has to end it."""

    def start(pair: Pair, **settings: object) -> Site:
        _require(pair)
        return Site(pair, gate, tmp_path_factory.mktemp(str(pair)), **settings)

    return start


@pytest.fixture(scope="session")
def shared_site(start_site: StartSite) -> Iterator[Callable[[Pair], Site]]:
    """Give the running server of a pair, as long as the same one is asked for."""
    running: list[Site] = []

    def stop() -> None:
        while running:
            running.pop().stop()

    def find(pair: Pair) -> Site:
        if not running or running[0].pair != pair:
            stop()
            running.append(start_site(pair))
        return running[0]

    yield find
    stop()


@pytest.fixture
def site(pair: Pair, shared_site: Callable[[Pair], Site], request: pytest.FixtureRequest) -> Site:
    site = shared_site(pair)
    start = len(site.output)
    request.node.stash[OUTPUT] = lambda: site.output[start:]
    return site


@pytest.fixture
def own_site(
    pair: Pair, start_site: StartSite, request: pytest.FixtureRequest
) -> Iterator[StartSite]:
    """Start a server that the test stops."""
    started: list[Site] = []

    def start(**settings: object) -> Site:
        site = start_site(pair, **settings)
        started.append(site)
        request.node.stash[OUTPUT] = lambda: site.output
        return site

    yield start
    for site in started:
        site.kill()


def _pair_of(item: pytest.Item) -> str:
    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    pair = parameters.get("pair")
    return str(pair) if isinstance(pair, Pair) else ""


def _require(pair: Pair) -> None:
    for package in pair.packages:
        if importlib.util.find_spec(package) is None:
            message = f"{package} is not installed"
            if os.environ.get("BGTASKS_REQUIRE_SERVICES") == "1":
                pytest.fail(message)
            pytest.skip(message)
