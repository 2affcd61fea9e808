"""Which tests a pair of host and server gets: those whose promise is about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pytest

    from bgtasks_adapters.contract.hosts import Pair, View

Test = TypeVar("Test", bound=Callable[..., Any])

_ATTRIBUTE = "contract_picks"


def only(picks: Callable[[Pair], bool], /) -> Callable[[Test], Test]:
    """Keep a promise to the pairs that it is about."""

    def mark(test: Test) -> Test:
        setattr(test, _ATTRIBUTE, (*getattr(test, _ATTRIBUTE, ()), picks))
        return test

    return mark


def without_idle_tests(suite: type, pairs: Sequence[Pair]) -> dict[str, None]:
    """Return what hides, in a subclass, the tests that are about none of these pairs.

    pytest would make a skipped test of nothing of each.
    """
    tests = {name: getattr(suite, name) for name in dir(suite) if name.startswith("test_")}
    return {name: None for name, test in tests.items() if not _cases(test, pairs)}


def parametrize(metafunc: pytest.Metafunc, pairs: Sequence[Pair]) -> None:
    """Run a promise once a pair; once a pair and kind of view, if it takes ``view``, too."""
    cases = _cases(metafunc.function, pairs)
    if "view" in metafunc.fixturenames:
        metafunc.parametrize("pair,view", cases, ids=[f"{pair}-{view}" for pair, view in cases])
    else:
        metafunc.parametrize("pair", [pair for pair, _ in cases], ids=str)


def _cases(test: Callable[..., Any], pairs: Sequence[Pair]) -> list[tuple[Pair, View | None]]:
    rules: tuple[Callable[[Pair], bool], ...] = getattr(test, _ATTRIBUTE, ())
    picked = [pair for pair in pairs if all(rule(pair) for rule in rules)]
    if "view" in inspect.signature(test).parameters:
        return [(pair, view) for pair in picked for view in pair.views]
    return [(pair, None) for pair in picked]
