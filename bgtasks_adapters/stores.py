"""What a journal keeps its entries in, and how processes that live are told from dead ones.

The words for both; ``sqlite_store`` and ``leases`` are one of each, and Django's app has its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class NewRow(NamedTuple):
    """One task, as it is written down."""

    id: str
    """Also what an engine takes as its own, where the task is handed off."""
    response: str
    """Of tasks of one response, which run in order."""
    path: str
    arguments: str
    options: str
    name: str
    added_at: float
    owner: str


class Row(NamedTuple):
    """One entry, as it is read."""

    number: int
    id: str
    response: str
    path: str
    arguments: str
    options: str
    name: str
    added_at: float
    owner: str | None
    """The process that has the task; None if any may take it."""
    crashes: int
    """How many processes have died that had it."""
    due_at: float
    """Nobody takes it before; Unix seconds."""
    reason: str | None
    """Why it waits, or was set aside."""
    is_set_aside: bool
    signature: str = ""


class Store(ABC):
    """Where entries are kept; every method is one step that is made wholly or not at all."""

    @abstractmethod
    def check(self, row: Row) -> None:
        """Raise for a row that somebody else than ``add`` has written, if that can be told."""

    @abstractmethod
    def add(self, row: NewRow) -> int:
        """Write a task down and return its number."""

    @abstractmethod
    def delete(self, numbers: Sequence[int]) -> None: ...

    @abstractmethod
    def release(self, numbers: Sequence[int], due_at: float, reason: str | None) -> None:
        """Let any process have these from a time on."""

    @abstractmethod
    def owners(self) -> list[str]:
        """Return the owners of all entries that are not set aside."""

    @abstractmethod
    def rows_of(self, owner: str | None, due_by: float, limit: int) -> list[Row]:
        """Return what is not set aside of an owner, fewest crashes first, then the oldest."""

    @abstractmethod
    def claim(self, rows: Sequence[Row], owner: str) -> list[Row]:
        """Make these the owner's that still belong to whom they did; return them as they are now.

        Each that had an owner, who has died, has seen one crash more.
        """

    @abstractmethod
    def set_aside(self, number: int, reason: str) -> None:
        """Have nobody take it any more."""

    @abstractmethod
    def all_rows(self) -> list[Row]: ...

    @abstractmethod
    def renew(self, rows: Sequence[Row]) -> int:
        """Have some process take these as if they had never crashed; return how many did change.

        Only as long as they belong to whom they did.
        """

    @abstractmethod
    def discard(self, rows: Sequence[Row]) -> int:
        """Delete these, as long as they belong to whom they did; return how many there were."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; the next step opens one anew."""

    @abstractmethod
    def forget_connection(self) -> None:
        """Use no connection of the parent any more, in a forked child; do not close it either."""


class Leases(ABC):
    """Tells which owners live. An owner is a process, under a name that no other ever has."""

    @abstractmethod
    def take(self) -> str:
        """Return the name of this process, which lives from now on."""

    @abstractmethod
    def is_dead(self, owner: str) -> bool:
        """Tell whether a process has died; False if in doubt."""

    @abstractmethod
    def tidy(self) -> None:
        """Remove what dead owners without entries have left; hold on to the own lease."""

    @abstractmethod
    def end(self) -> None:
        """End the own lease: this process has no entry any more, or leaves them to others."""

    @abstractmethod
    def forget(self) -> None:
        """Let go of the parent's lease, in a forked child, without ending it for the parent."""
