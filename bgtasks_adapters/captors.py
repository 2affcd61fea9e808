"""Who captures tasks: nobody, or the one test of this process that does.

A response asks here when it begins. The kit for tests (``testing``) is the only one that sets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bgtasks_adapters.dispatch import ResponseScope
    from bgtasks_adapters.runner import Run
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.tasks import BackgroundTask


class Captor(Protocol):
    """Be told of every task that is added while it is the current one, and hold back its run.

    What it lets run, runs within its response, whatever the executor: a client that has its
    response finds the work done.
    """

    def observed(self, settings: Settings, /) -> Settings:
        """Return settings whose observers tell of every fate here, too."""
        ...

    def note_added(self, scope: ResponseScope, task: BackgroundTask, /) -> None:
        """Note a task that was added; on the line that adds it."""

    def let_run(self, scope: ResponseScope, runs: list[Run], /) -> list[Run]:
        """Return those of a response's runs, now due, that may start; keep the others."""
        ...


class _Current:
    """One for the whole process: tasks are added on threads and loops that no test knows of."""

    def __init__(self) -> None:
        self.captor: Captor | None = None


current = _Current()
