"""A host: an application with its adapter, what is known of it, and the servers it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bgtasks_adapters.contract.servers import Interface, Server, first_missing

View = Literal["def", "async"]
FrameworkShape = Literal["file", "missing", "replaced", "conditional"]


@dataclass(frozen=True)
class Host:
    """One application, and what its framework has or lacks by its own nature."""

    name: str
    make_host: str
    """The function that makes the application, as "module:name"."""

    file: str
    """The file of its module."""

    interface: Interface
    views: tuple[View, ...]
    packages: tuple[str, ...] = ()
    shapes: frozenset[FrameworkShape] = frozenset()
    """What it offers beyond the shapes that all hosts have in common."""

    sees_the_view: bool = True
    """Whether its adapter tells a view that returned an error from one that raised it."""

    cancels_async_views: bool = False
    """Whether the framework cancels an async view whose client leaves."""

    is_boundary: bool = True
    """Whether its adapter stands at the server's boundary, not inside the framework."""

    handles_sigterm: bool = True
    """Whether its adapter is there before the first request, to handle SIGTERM."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    defects: Mapping[tuple[str, str], str] = field(
        default_factory=dict[tuple[str, str], str], hash=False
    )
    """Exchanges on a server that never end, whatever adapters do, and why."""


@dataclass(frozen=True)
class Pair:
    """One host on one server."""

    host: Host
    server: Server

    def __str__(self) -> str:
        return f"{self.host.name}-on-{self.server.name}"

    @property
    def views(self) -> tuple[View, ...]:
        """The kinds of view that the host can be asked for on this server at any time."""
        if self.server.runs_async_views_side_by_side:
            return self.host.views
        return tuple(view for view in self.host.views if view == "def")

    @property
    def sees_clients_leave(self) -> bool:
        """Whether what a client does makes no difference to its tasks.

        Inside a framework for ASGI, responses of clients that left are dropped unseen.
        """
        return self.host.is_boundary or self.host.interface == "wsgi"

    @property
    def sees_the_server_stop(self) -> bool:
        """Whether the end of the server is not the end of its tasks.

        Under ASGI that takes the boundary, for lifespan; and where SIGTERM kills, a handler.
        """
        if self.host.is_boundary:
            return True
        is_handled = self.host.handles_sigterm or not self.server.is_killed_by_sigterm
        return self.host.interface == "wsgi" and is_handled

    @property
    def missing(self) -> str:
        """The first package that is not installed; empty if none is missing."""
        return first_missing((*self.host.packages, *self.server.packages))
