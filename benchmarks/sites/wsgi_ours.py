"""The bare WSGI callable with the boundary of bgtasks_adapters around it."""

from __future__ import annotations

from benchmarks.sites.pools import WORKERS
from benchmarks.sites.wsgi_pages import Pages
from bgtasks_adapters import add_task
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

application = BackgroundTasksMiddleware(Pages(add_task), max_workers=WORKERS)
