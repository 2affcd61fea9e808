"""Who captures tasks: nobody, or the one test of this process that does.

A response asks here when it begins. The kit for tests (``testing``) is the only one that sets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.runs import Runs
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.tasks import BackgroundTask

    class Response(Protocol):
        """What is asked of a response whose tasks are captured; see ``dispatch.ResponseScope``."""

        is_open_connection: bool
        raises_failures: bool

        @property
        def is_over(self) -> bool: ...

        def held_tasks(self) -> Sequence[BackgroundTask]: ...

        def withdraw_all(self, fate: Fate, reason: str, /) -> None: ...

    class Captor(Protocol):
        """Be told of every task that is added while it is the current one, and hold back its run.

        What it lets run, runs within its response, whatever the executor: a client that has its
        response finds the work done.
        """

        def observed(self, settings: Settings, /) -> Settings:
            """Return settings whose observers tell of every fate here, too."""
            ...

        def note_added(self, response: Response, task: BackgroundTask, /) -> None:
            """Note a task that was added; on the line that adds it."""

        def lets_run(self, runs: Runs, /) -> bool:
            """Tell whether runs that are due may start; keep them if not."""
            ...


class _Current:
    """One for the whole process: tasks are added on threads and loops that no test knows of."""

    def __init__(self) -> None:
        self.captor: Captor | None = None


current = _Current()
