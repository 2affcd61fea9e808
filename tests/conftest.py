"""What every folder of tests may ask for: the option for the long form, and a missing service."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import NoReturn

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="run the long form of the matrices: every host on every server",
    )
    parser.addoption(
        "--record",
        action="store_true",
        help="write down what is measured, and make the pages of it anew",
    )


def pytest_unconfigure() -> None:
    # Tests leave tasks over on purpose. Without a handler Python would print this process's
    # receipt under pytest's last line, as if something had gone wrong.
    logging.getLogger("bgtasks_adapters").addHandler(logging.NullHandler())


@pytest.fixture(scope="session")
def give_up() -> Callable[[str], NoReturn]:
    """Skip a test whose service is missing; with BGTASKS_REQUIRE_SERVICES=1 fail it instead."""
    is_required = os.environ.get("BGTASKS_REQUIRE_SERVICES") == "1"

    def give_up(reason: str) -> NoReturn:
        if is_required:
            pytest.fail(reason)
        pytest.skip(reason)

    return give_up
