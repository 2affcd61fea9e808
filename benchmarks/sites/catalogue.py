"""Which sites there are: their modules, whom each stands for, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from benchmarks.results import OURS

Kind = Literal["def", "async"]
BY_HAND = "by hand"


@dataclass(frozen=True)
class Site:
    """One module of this folder."""

    module: str
    contender: str
    protocol: Literal["wsgi", "asgi"]
    framework: str
    """As its project writes itself; empty for a bare callable."""
    kinds: tuple[Kind, ...] = ("def",)
    """Of the tasks that it runs; of none the bare sites, which do the work of ``/def`` and
    ``/async`` before they answer."""
    is_alone: bool = False
    """Whether it changes what the other sites of its framework would meet in the same process."""

    @property
    def path(self) -> str:
        return f"benchmarks.sites.{self.module}"

    @property
    def application(self) -> Any:
        """The application, made at the first call; an ImportError says that a package is absent."""
        return import_module(self.path).application

    def take_turn(self) -> Any:
        """Let the requests that follow in this process reach this site; return its application."""
        application = self.application
        if self.framework == "Django":
            from benchmarks.sites.django_site import turn_to

            turn_to(self.path)
        return application


_BOTH: tuple[Kind, ...] = ("def", "async")

SITES = {
    site.module: site
    for site in (
        Site("wsgi_bare", "bare", "wsgi", "", ()),
        Site("wsgi_ours", OURS, "wsgi", "", _BOTH),
        Site("asgi_bare", "bare", "asgi", "", ()),
        Site("asgi_ours", OURS, "asgi", "", _BOTH),
        Site("django_wsgi_bare", "bare", "wsgi", "Django", ()),
        Site("django_wsgi_by_hand", BY_HAND, "wsgi", "Django"),
        Site("django_wsgi_with_care", f"{BY_HAND}, with care", "wsgi", "Django"),
        Site("django_wsgi_ours", OURS, "wsgi", "Django", _BOTH),
        Site("django_asgi_bare", "bare", "asgi", "Django", ()),
        Site("django_asgi_by_hand", BY_HAND, "asgi", "Django", _BOTH),
        Site("django_asgi_ours", OURS, "asgi", "Django", _BOTH),
        Site("django_after_response", "django-after-response", "wsgi", "Django", is_alone=True),
        Site("django_tasks_local", "django-tasks-local", "wsgi", "Django", is_alone=True),
        Site("django_tasks_inprocess", "django-tasks-inprocess", "wsgi", "Django", is_alone=True),
        Site("django_tasks_ours", f"{OURS}, as TASKS backend", "wsgi", "Django", is_alone=True),
        Site("flask_bare", "bare", "wsgi", "Flask", ()),
        Site("flask_by_hand", BY_HAND, "wsgi", "Flask"),
        Site("flask_thread", "a thread each", "wsgi", "Flask"),
        Site("flask_executor", "Flask-Executor", "wsgi", "Flask"),
        Site("flask_ours", OURS, "wsgi", "Flask", _BOTH),
        Site("starlette", "Starlette", "asgi", "Starlette", _BOTH),
        Site("starlette_by_hand", "asyncio.create_task", "asgi", "Starlette", _BOTH),
        Site("starlette_with_care", f"{BY_HAND}, with care", "asgi", "Starlette", ("async",)),
        Site("starlette_ours", OURS, "asgi", "Starlette", _BOTH),
        Site("asgi_background", "asgi-background", "asgi", "Starlette", ("async",)),
        Site("aiojobs", "aiojobs", "asgi", "Starlette", ("async",)),
        Site("fastapi", "FastAPI", "asgi", "FastAPI", _BOTH),
        Site("fastapi_taskflow", "fastapi-taskflow", "asgi", "FastAPI", _BOTH),
        Site("fastapi_ours", OURS, "asgi", "FastAPI", _BOTH),
        Site("litestar", "Litestar", "asgi", "Litestar", _BOTH),
        Site("litestar_ours", OURS, "asgi", "Litestar", _BOTH),
        Site("quart_own", "Quart", "asgi", "Quart", _BOTH),
        Site("quart_ours", OURS, "asgi", "Quart", _BOTH),
    )
}
