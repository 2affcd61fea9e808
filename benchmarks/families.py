"""Who is measured beside whom under a real server: the sites of one framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.serving import Kind as ServerKind
from benchmarks.serving import Server, start
from benchmarks.sites.catalogue import SITES, Site
from benchmarks.sites.catalogue import Kind as TaskKind

Begin = Callable[[str, ServerKind], Server]


@dataclass(frozen=True)
class Family:
    """The contenders of one framework under one server, ours first."""

    framework: str
    server: ServerKind
    task: TaskKind
    """The kind of its tasks: a WSGI site's are ``def``; on a loop, ``async def`` is the usual one
    and the only one that all contenders run."""
    modules: Sequence[str]

    @property
    def title(self) -> str:
        worker = "gunicorn gthread" if self.server == "gunicorn" else self.server
        return f"{self.framework} on {worker}"

    @property
    def sites(self) -> Mapping[str, Site]:
        """The contenders by name."""
        return {SITES[module].contender: SITES[module] for module in self.modules}

    def starters(self, begin: Begin = start) -> Mapping[str, Callable[[], Server]]:
        """Return what starts the server of each contender."""
        return {name: partial(begin, site.path, self.server) for name, site in self.sites.items()}


FLASK = Family(
    "Flask",
    "gunicorn",
    "def",
    ("flask_ours", "flask_by_hand", "flask_thread", "flask_executor"),
)
STARLETTE = Family(
    "Starlette",
    "uvicorn",
    "async",
    (
        "starlette_ours",
        "starlette",
        "starlette_by_hand",
        "starlette_with_care",
        "asgi_background",
        "aiojobs",
    ),
)
FAMILIES = (
    FLASK,
    Family(
        "Django",
        "gunicorn",
        "def",
        (
            "django_wsgi_ours",
            "django_wsgi_by_hand",
            "django_after_response",
            "django_tasks_local",
            "django_tasks_inprocess",
        ),
    ),
    STARLETTE,
    Family("FastAPI", "uvicorn", "async", ("fastapi_ours", "fastapi", "fastapi_taskflow")),
    Family("Litestar", "uvicorn", "async", ("litestar_ours", "litestar")),
    Family("Quart", "uvicorn", "async", ("quart_ours", "quart_own")),
    Family("Django", "uvicorn", "async", ("django_asgi_ours", "django_asgi_by_hand")),
)
QUICK_FAMILIES = (
    Family("Flask", "gunicorn", "def", ("flask_ours", "flask_executor")),
    Family("Starlette", "uvicorn", "async", ("starlette_ours", "starlette")),
)

BY_HAND = frozenset(
    {
        "flask_by_hand",
        "flask_thread",
        "starlette_by_hand",
        "starlette_with_care",
        "django_wsgi_by_hand",
        "django_asgi_by_hand",
    }
)
"""Modules that show a limit and are no peers: a few lines in a site, with no care for anything."""
