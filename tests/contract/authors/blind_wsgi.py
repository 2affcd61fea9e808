"""A broken adapter: it sees no view, and says it does. On whatever server there is."""

from __future__ import annotations

from typing import Any
from wsgiref.types import WSGIApplication

from bgtasks_adapters.contract import check_adapter
from tests.contract.hosts.bare_wsgi import make_boundary


def make_host(settings: dict[str, Any]) -> WSGIApplication:
    return make_boundary(settings)


TestAdapter = check_adapter(make_host, "wsgi")
