"""Quart with its own ``add_background_task``, which starts a task at once."""

from __future__ import annotations

from quart import Quart

from benchmarks.sites.quart_site import make

application = make(Quart.add_background_task)
