"""Where tasks go that do not run here: what core knows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bgtasks_adapters.publishing import Job
    from bgtasks_adapters.tasks import BackgroundTask


class Destination(ABC):
    """Takes tasks that are to run elsewhere; the setting ``handoff``."""

    @abstractmethod
    def job_for(self, task: BackgroundTask, /) -> Job:
        """Return what sends a task that is being added, or raise to refuse it."""
