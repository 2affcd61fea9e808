"""How many tests of each promise passed for a host on a server: kept in a file, written to a page.

A run over some hosts and servers renews what it has run, and keeps the rest. What is counted comes
from the reports of tests, also from other processes of pytest-xdist.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bgtasks_adapters.contract.hosts import Pair
from bgtasks_adapters.contract.servers import SERVERS
from tests.pages import WrittenPart, rows_of, table

from .pairs import SHORT

FILE = Path(__file__).parent / "passed.jsonl"
PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"
PART = WrittenPart(PAGE, "promises", "make contract")
PROPERTY = "test of the contract"

PROMISES = (
    "complete",
    "connection",
    "disconnect",
    "failure",
    "fate",
    "order",
    "replaced",
    "shutdown",
    "surroundings",
)
"""The modules of `bgtasks_adapters.contract.promises`, which are the columns of the table."""

WHY_NONE = {
    "disconnect": "only the boundary sees it",
    "replaced": "the host has no middleware",
    "shutdown": "only the boundary sees it",
}
"""What a cell says where a promise is not about a host: `check_adapter` picked no test for it."""


class Tested(NamedTuple):
    """What one test tells with its report."""

    host: str
    version: str
    server: str
    promise: str
    tests: int
    """How many tests of this promise the pair of host and server has in all."""

    idle: str
    """The promises that are not about the pair, with blanks between them."""


def mark(pairs: Mapping[pytest.Item, Pair]) -> None:
    """Have each test of a pair tell, with its report, what it is a test of."""
    groups = {item: (pair, _promise(item)) for item, pair in pairs.items()}
    sizes = Counter(groups.values())
    for item, (pair, promise) in groups.items():
        host, server = pair.host, pair.server.name
        idle = " ".join(name for name in PROMISES if not sizes[pair, name])
        size = sizes[pair, promise]
        tested = Tested(host.name, _version(host.packages), server, promise, size, idle)
        item.user_properties.append((PROPERTY, tested._asdict()))


def _promise(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    return str(item.function.__module__).rpartition(".")[2]


def _version(packages: Iterable[str]) -> str:
    try:
        return next((f"{name} {version(name)}" for name in packages), "")
    except ModuleNotFoundError:  # its tests will be skipped
        return ""


class Record:
    """The counts of every host on every server that it was tried on."""

    def __init__(self) -> None:
        lines = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self._rows = {(row["host"], row["server"]): row for row in rows}
        self._tested: dict[str, Tested] = {}
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY:
                assert isinstance(value, dict)
                self._tested[report.nodeid] = Tested(**value)
                self._note(report)

    def _note(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._outcomes[report.nodeid] = "failed"
        elif report.skipped:
            assert isinstance(report.longrepr, tuple)
            self._outcomes[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")
        elif report.when == "call":
            self._outcomes[report.nodeid] = "passed"

    def save(self) -> None:
        """Keep the promises of which every test was run."""
        groups: dict[Tested, Counter[str]] = {}
        for test, outcome in self._outcomes.items():
            groups.setdefault(self._tested[test], Counter())[outcome] += 1
        for tested, outcomes in groups.items():
            is_missing = any(outcome.endswith("is not installed") for outcome in outcomes)
            if outcomes.total() == tested.tests and not is_missing:
                self._renew(tested, outcomes)
        rows = [self._rows[key] for host in self.hosts for key in self._keys(host)]
        FILE.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def _renew(self, tested: Tested, outcomes: Counter[str]) -> None:
        key = (tested.host, tested.server)
        kept = self._rows.get(key, {}).get("promises", {})
        promises = {**kept, tested.promise: outcomes, **{name: {} for name in tested.idle.split()}}
        self._rows[key] = {
            "host": tested.host,
            "server": tested.server,
            "version": tested.version,
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "promises": {name: promises[name] for name in PROMISES if name in promises},
        }

    @property
    def hosts(self) -> list[str]:
        return [name for name in SHORT if self._keys(name)]

    def not_passed(self) -> list[str]:
        """Return each promise of a host that was broken on a server."""
        return [
            f"{host} on {server}: {promise}"
            for (host, server), row in self._rows.items()
            for promise, outcomes in row["promises"].items()
            if "failed" in outcomes
        ]

    def text(self) -> str:
        """Return the part of the page: the table, and what was left out of it for a reason."""
        head = ["host", "servers", *PROMISES]
        rows = [self._row(host) for host in self.hosts]
        pythons = sorted({row["python"] for row in self._rows.values()})
        left_out = [f"- {reason}" for host in self.hosts for reason in self._left_out(host)]
        if left_out:
            left_out = ["", "Left out:", "", *left_out]
        lines = [f"Counted with {', '.join(pythons)}.", "", table(head, rows), *left_out]
        return "\n".join(lines)

    def _keys(self, host: str) -> list[tuple[str, str]]:
        return sorted(key for key in self._rows if key[0] == host and key[1] in SERVERS)

    def _row(self, host: str) -> list[str]:
        keys = self._keys(host)
        of_servers = [self._rows[key]["promises"] for key in keys]
        versions = sorted({self._rows[key]["version"] for key in keys} - {""})
        name = f"`{host}`" + (f" ({', '.join(versions)})" if versions else "")
        cells = [
            _cell(promise, [server[promise] for server in of_servers if promise in server])
            for promise in PROMISES
        ]
        return [name, ", ".join(server for _, server in keys), *cells]

    def _left_out(self, host: str) -> list[str]:
        return [
            f"`{host}` on {key[1]}, {count} of {promise}: {outcome}"
            for key in self._keys(host)
            for promise, outcomes in self._rows[key]["promises"].items()
            for outcome, count in outcomes.items()
            if outcome not in ("passed", "failed")
        ]


def _cell(promise: str, of_servers: Sequence[Mapping[str, int]]) -> str:
    tried = [outcomes for outcomes in of_servers if outcomes]
    if not tried:
        return WHY_NONE[promise] if of_servers else "not run"
    passed = sum(outcomes.get("passed", 0) for outcomes in tried)
    failed = sum(outcomes.get("failed", 0) for outcomes in tried)
    counted = f"{passed}" if len(tried) == 1 else f"{passed} on {len(tried)}"
    return counted + (f", {failed} FAILED" if failed else "")


def hosts_of_page() -> list[str]:
    """Return the hosts that the page has a row for, in its order."""
    return [row[0].split("`")[1] for row in rows_of(PART.read())]
