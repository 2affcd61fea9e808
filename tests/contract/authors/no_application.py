"""A `make_host` that forgets to return its application."""

from __future__ import annotations

from typing import Any

from bgtasks_adapters.contract import check_adapter
from tests.contract.hosts.bare_wsgi import make_boundary


def make_host(settings: dict[str, Any]) -> None:
    make_boundary(settings)


TestAdapter = check_adapter(make_host, "wsgi", servers=["waitress"], sees_the_view=False)
