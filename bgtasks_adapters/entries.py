"""What core knows of a journal: who keeps tasks, and the entry of each of them.

A journal keeps a task from the line that adds it to its end, so that it outlives this process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.surroundings import HostContext
    from bgtasks_adapters.tasks import BackgroundTask
    from bgtasks_adapters.workers import Loop

    class Response(Protocol):
        """What a journal asks of a response; see ``dispatch.ResponseScope``."""

        settings: Settings
        hosts: tuple[HostContext, ...]
        loop: Loop | None


class Entry(ABC):
    """The entry of one task."""

    __slots__ = ()

    @abstractmethod
    def settled(self, fate: Fate, *, has_started: bool) -> None:
        """Note what became of the task; its entry goes with that, unless it was left over."""

    @abstractmethod
    def postpone(self, reason: str) -> None:
        """Have some process try again, somewhat later, because its engine was not to be had."""


class Keeper(ABC):
    """Keeps tasks so that they outlive this process; the setting ``journal``."""

    is_transactional: bool
    """Whether an entry is part of the transaction that its task was added in."""

    @abstractmethod
    def begin(self, response: Response, /) -> None:
        """Look, from now on, for what processes that died have left; run it as this response's."""

    @abstractmethod
    def check(self, task: BackgroundTask, /) -> None:
        """Raise for a task that could not be kept."""

    @abstractmethod
    def entry_for(self, task: BackgroundTask, response: Response, /) -> Entry | None:
        """Write a task down before its response goes on; raise if that cannot be done.

        None where it needs no entry, because the test that runs it ends before the process.
        """
