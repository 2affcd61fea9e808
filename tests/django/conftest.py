"""Fixtures of the Django adapter's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test.utils import setup_test_environment, teardown_test_environment
from pytest_django import Settings

from bgtasks_adapters import drain

from .recorder import PATIENCE, Recorder


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
