"""The hosts, and which host is tried on which server: the whole table, and the short form of it.

A new adapter is one more application below `hosts/` and one more `Host` here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .servers import SERVERS, Interface, Server

View = Literal["def", "async"]
FrameworkShape = Literal["file", "missing", "replaced", "conditional"]


@dataclass(frozen=True)
class Host:
    """One application, and what its framework has or lacks by its own nature."""

    name: str
    interface: Interface
    application: str
    packages: tuple[str, ...] = ()
    views: tuple[View, ...] = ("def", "async")
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

    environment: Mapping[str, str] = field(default_factory=dict, hash=False)


def _django(interface: Interface, installation: str) -> Host:
    is_boundary = installation == "boundary"
    return Host(
        f"django-{interface}" + ("" if is_boundary else f"-{installation}"),
        interface,
        f"hosts.django_{interface}:application",
        packages=("django",),
        shapes=frozenset({"file", "missing", "replaced", "conditional"}),
        cancels_async_views=interface == "asgi",
        is_boundary=is_boundary,
        handles_sigterm=installation != "decorator",
        environment={
            "CONTRACT_DJANGO": installation,
            "DJANGO_SETTINGS_MODULE": "hosts.django_site",
        },
    )


HOSTS: Mapping[str, Host] = {
    host.name: host
    for host in (
        Host(
            "bare-wsgi",
            "wsgi",
            "hosts.bare_wsgi:application",
            views=("def",),
            shapes=frozenset({"file"}),
            sees_the_view=False,
        ),
        Host(
            "bare-asgi",
            "asgi",
            "hosts.bare_asgi:application",
            views=("async",),
            sees_the_view=False,
        ),
        Host(
            "starlette",
            "asgi",
            "hosts.starlette_app:application",
            packages=("starlette",),
            shapes=frozenset({"file", "missing"}),
            sees_the_view=False,
        ),
        Host(
            "flask",
            "wsgi",
            "hosts.flask_app:application",
            packages=("flask", "asgiref"),
            shapes=frozenset({"file", "missing", "replaced"}),
        ),
        *(
            _django(interface, installation)
            for interface in ("wsgi", "asgi")
            for installation in ("boundary", "middleware", "decorator")
        ),
    )
}


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
    def packages(self) -> tuple[str, ...]:
        return (*self.host.packages, self.server.package)


DEFECTS = {
    ("starlette", "hypercorn-trio", "http-1.0-stream"): (
        "without this package, too, hypercorn does not close the connection on trio"
    ),
}
"""Exchanges of a host and a server that never end, whatever adapters do."""


SHORT = (
    ("bare-asgi", "hypercorn-trio"),
    ("starlette", "uvicorn"),
    ("django-asgi", "daphne"),
    ("django-asgi-middleware", "hypercorn-asyncio"),
    ("starlette", "granian-asgi"),
    ("starlette", "gunicorn-asgi"),
    ("bare-wsgi", "waitress"),
    ("bare-wsgi", "eventlet"),
    ("django-wsgi", "gunicorn-gevent"),
    ("flask", "gunicorn-gthread"),
    ("flask", "werkzeug"),
    ("django-wsgi", "gunicorn-sync"),
    ("django-wsgi-middleware", "runserver"),
)
"""Each host, and each kind of server, at least once."""


def short_pairs() -> Iterator[Pair]:
    for host, server in SHORT:
        yield Pair(HOSTS[host], SERVERS[server])


def all_pairs() -> Iterator[Pair]:
    for host in HOSTS.values():
        for server in SERVERS.values():
            if host.interface == server.interface and _fits(host, server):
                yield Pair(host, server)


def _fits(host: Host, server: Server) -> bool:
    is_django = "django" in host.packages
    if server.name == "hypercorn-trio":
        return not is_django  # Django needs asyncio.
    return is_django or not server.needs_django
