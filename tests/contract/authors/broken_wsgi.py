"""A broken adapter: it runs tasks inside `close()`, where most servers hold the client."""

from __future__ import annotations

from typing import Any
from wsgiref.types import WSGIApplication

from bgtasks_adapters.contract import check_adapter
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware
from tests.contract.hosts.bare_wsgi import answer


def make_host(settings: dict[str, Any]) -> WSGIApplication:
    return BackgroundTasksMiddleware(answer, **settings, executor="inline")


TestAdapter = check_adapter(make_host, "wsgi", servers=["waitress"], sees_the_view=False)
