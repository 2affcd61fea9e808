"""The bench: what the tests of one run of pytest share, the gate and the server under test."""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bgtasks_adapters.contract.gate import Gate, Visit
from bgtasks_adapters.contract.hosts import Pair
from bgtasks_adapters.contract.sites import Site


class Bench:
    """A gate, and at most one server that tests share: that of the pair asked for last."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._folder = self._opened.enter_context(TemporaryDirectory(prefix="bgtasks-contract-"))
        self.gate = self._opened.enter_context(Gate())
        self._numbers = itertools.count(1)
        self._shared: Site | None = None
        self._failures: dict[Pair, str] = {}

    @classmethod
    def of(cls, session: pytest.Session) -> Bench:
        """Return the bench of a run of pytest, which is cleared away at its end."""
        bench = session.stash.get(_BENCH, None)
        if bench is None:
            bench = session.stash[_BENCH] = cls()
            session.addfinalizer(bench.close)
        return bench

    def new_visit(self) -> Visit:
        """Return a visit that no other test has."""
        return Visit(self.gate, f"visit{next(self._numbers)}")

    def start(self, pair: Pair, **settings: object) -> Site:
        """Start the server of a pair; the caller has to end it.

        Skips the test where a package is not installed, and fails it where all are required.
        """
        if pair.missing:
            message = f"{pair.missing} is not installed"
            if os.environ.get("BGTASKS_REQUIRE_SERVICES") == "1":
                pytest.fail(message)
            pytest.skip(message)
        folder = Path(self._folder, f"{pair}-{next(self._numbers)}")
        folder.mkdir()
        return Site(pair, self.gate, folder, **settings)

    def shared(self, pair: Pair) -> Site:
        """Return the running server of a pair, as long as the same one is asked for."""
        if self._shared is None or self._shared.pair != pair:
            self._stop()
            # One that does not start is not tried, and waited for, once a test.
            assert pair not in self._failures, self._failures[pair]
            try:
                self._shared = self.start(pair)
            except AssertionError as error:
                self._failures[pair] = str(error)
                raise
        return self._shared

    def close(self) -> None:
        """Stop the server and close the gate."""
        with self._opened:
            self._stop()

    def _stop(self) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.stop()


_BENCH = pytest.StashKey[Bench]()
