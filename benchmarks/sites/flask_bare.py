"""Flask without tasks."""

from __future__ import annotations

from benchmarks.sites.flask_site import make, run_now

application = make(run_now)
