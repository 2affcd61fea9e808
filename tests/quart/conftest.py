"""The applications that the tests of the Quart adapter use, on asyncio, which Quart needs."""

from __future__ import annotations

import pytest

from tests.quart.site import Site


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def bare_site() -> Site:
    """An application without `init_app`."""
    return Site().configure()


@pytest.fixture
def site() -> Site:
    """An application with `init_app`."""
    return Site().install()


@pytest.fixture(params=["with init_app", "decorator alone"])
def any_site(request: pytest.FixtureRequest) -> Site:
    """An application in which the decorator works: with `init_app` and without it."""
    return Site().install() if request.param == "with init_app" else Site().configure()
