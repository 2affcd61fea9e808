"""Fixtures of the Django adapter's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test.utils import setup_test_environment, teardown_test_environment
from pytest_django import Settings

from bgtasks_adapters import drain

from .record import HEAD_OF_CONNECTIONS, Record
from .recorder import PATIENCE, Recorder

RECORD = pytest.StashKey[Record]()
PROBLEMS = pytest.StashKey[list[str]]()


class _Recording:
    """Notes what tests found out, in the process that reports."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self._record.note(report.user_properties)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RECORD] = Record()
    config.stash[PROBLEMS] = []
    config.pluginmanager.register(_Recording(config.stash[RECORD]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    is_process_of_xdist = hasattr(config, "workerinput")
    if not config.getoption("--record") or is_process_of_xdist:
        return
    config.stash[PROBLEMS] += config.stash[RECORD].write()
    if config.stash[PROBLEMS] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the connections that were counted, and why a page was not written."""
    rows = config.stash[RECORD].connections()
    if rows:
        terminalreporter.section("database connections")
        lines = [HEAD_OF_CONNECTIONS, *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            terminalreporter.write_line("  ".join(cells).rstrip())
    for problem in config.stash[PROBLEMS]:
        terminalreporter.write_line(problem, red=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def alone(settings: Settings) -> None:
    """Install nothing: the decorator works by itself."""
    settings.MIDDLEWARE = []
    settings.BGTASKS = {}


@pytest.fixture
def production() -> Iterator[None]:
    """Take Django's test environment away, in which abandoned responses are treated otherwise."""
    teardown_test_environment()
    yield
    drain(PATIENCE)
    setup_test_environment()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Let every task of a test end within it."""
    yield
    assert drain(PATIENCE)
