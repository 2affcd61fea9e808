"""The option that every folder of tests may ask for; pytest reads options from here only."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="run the long form of the matrices: every host on every server",
    )
