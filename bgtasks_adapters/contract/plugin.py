"""What the suite needs of pytest beyond a class: an order of the tests, and failures that say more.

Registered by the suite itself when its first test is collected. It touches no other test.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Generator
from typing import Any

import pytest

from bgtasks_adapters.contract.hosts import Pair

_OUTPUT = pytest.StashKey[Callable[[], str]]()


def register(config: pytest.Config) -> None:
    """Have pytest call the functions of this module; once is enough."""
    module = sys.modules[__name__]
    if not config.pluginmanager.is_registered(module):
        config.pluginmanager.register(module)


def attach_output(item: pytest.Item, output: Callable[[], str]) -> None:
    """Show this output of the server if the test fails."""
    item.stash[_OUTPUT] = output


def pair_of(item: pytest.Item) -> Pair | None:
    """Return the host and server that a test is about, if it is one of the suite."""
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    pair = parameters.get("pair")
    return pair if isinstance(pair, Pair) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the tests of a pair together, so that one server runs at a time."""
    by_pair: dict[Pair, list[pytest.Item]] = {}
    places: list[int] = []
    for place, item in enumerate(items):
        if pair := pair_of(item):
            places.append(place)
            by_pair.setdefault(pair, []).append(item)
    has_groups = config.pluginmanager.hasplugin("xdist")
    ours = [(pair, item) for pair, of_pair in by_pair.items() for item in of_pair]
    for place, (pair, item) in zip(places, ours, strict=True):
        if has_groups:
            item.add_marker(pytest.mark.xdist_group(str(pair)))
        items[place] = item


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Say first which promise was broken, and where; ``--full-trace`` shows the code instead."""
    try:
        return (yield)
    except Exception as error:
        pair = pair_of(pyfuncitem)
        if pair is None or pyfuncitem.config.getoption("fulltrace"):
            raise
        failure = pytest.fail.Exception(_message(pyfuncitem, pair, error), pytrace=False)
        raise failure.with_traceback(error.__traceback__) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and _OUTPUT in item.stash:
        report.sections.append(("Output of the server", item.stash[_OUTPUT]()))
    return report


def _message(item: pytest.Function, pair: Pair, error: Exception) -> str:
    function: object = item.obj
    promise = inspect.cleandoc(function.__doc__ or item.name).partition("\n\n")[0]
    asked = {name: value for name, value in item.callspec.params.items() if name != "pair"}
    words = [f"{name} {getattr(value, 'name', value)}" for name, value in asked.items()]
    where = ", ".join([f"host {pair.host.name}", f"server {pair.server.name}", *words])
    seen = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
    steps = traceback.extract_tb(error.__traceback__)
    at = [f"{step.filename}:{step.lineno}" for step in steps if step.name == item.originalname]
    return "\n".join([f"The adapter breaks a promise: {promise}", f"({where})", "", seen, *at])
