"""The promises, measured on every server that there is, as its users start it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from bgtasks_adapters.doctor.columns import COLUMNS, Finding

from . import http2, scenarios
from .table import Row

Hold = Callable[[Iterable[Finding]], None]


@pytest.mark.rows(only=lambda row: not row.is_http2)
def test_no_client_is_held_and_no_task_lost(row: Row, hold: Hold) -> None:
    """Responses of every framing are complete while a task runs, whatever their clients do."""
    with scenarios.running(row) as (_, target, _notes):
        hold([finding for column in COLUMNS for finding in column.of(target)])


@pytest.mark.rows(only=lambda row: row.is_http2)
def test_http2(row: Row, hold: Hold) -> None:
    """Over HTTP/2 the stream of a response ends, and others go on, while a task of it runs."""
    with scenarios.running(row) as (_, target, _notes):
        hold(http2.measure(target))


@pytest.mark.rows(only=lambda row: not row.is_http2)
def test_sigterm(row: Row, hold: Hold) -> None:
    """Tasks that run and wait at SIGTERM are finished."""
    hold(scenarios.sigterm(row))


@pytest.mark.rows(only=lambda row: not row.is_http2)
def test_past_shutdown_timeout(row: Row, hold: Hold) -> None:
    """Tasks that do not end within `shutdown_timeout` are named, and the server ends."""
    hold(scenarios.past_timeout(row))


@pytest.mark.rows(only=lambda row: row.reload is not None)
def test_reload(row: Row, hold: Hold) -> None:
    """Tasks are finished though their server loads the application anew."""
    hold(scenarios.reload(row))


@pytest.mark.rows(only=lambda row: bool(row.recycling))
def test_max_requests(row: Row, hold: Hold) -> None:
    """Tasks are finished though their process has served enough requests, and ends."""
    hold(scenarios.recycling(row))


@pytest.mark.rows(only=lambda row: bool(row.timeout))
def test_the_server_s_own_timeout(row: Row, hold: Hold) -> None:
    """Tasks may take longer than their server allows a request."""
    hold(scenarios.timeout(row))
