"""Where tasks go that do not run here: what core knows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bgtasks_adapters.publishing import Job
    from bgtasks_adapters.tasks import BackgroundTask


class Destination:
    """Takes tasks that are to run elsewhere; the setting ``handoff``."""

    def job_for(self, task: BackgroundTask, /) -> Job:
        """Return what sends a task that is being added, or raise to refuse it."""
        raise NotImplementedError
