"""What ``manage.py check --deploy`` says of this library in a project.

Only what the settings alone tell: of the server that will run them, the log record at start does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.core.checks import Warning
from django.core.handlers.base import BaseHandler
from django.utils.module_loading import import_string

from bgtasks_adapters.asgi import Boundary as AsgiBoundary
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.middleware import BackgroundTasksMiddleware
from bgtasks_adapters.wsgi import Boundary as WsgiBoundary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.checks import CheckMessage

USUAL_GRACE_SECONDS = 30
"""What gunicorn and Kubernetes leave a process to end by themselves, unless told otherwise."""

DEFAULT_POOL_SIZE = 4
"""Of psycopg's pool, unless ``max_size`` or ``min_size`` say otherwise."""

ENTRY_POINTS = {"WSGI_APPLICATION": "wsgi", "ASGI_APPLICATION": "asgi"}
OURS = "bgtasks_adapters.django.BackgroundTasksMiddleware"


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Return a warning for everything that does not suit a deployment."""
    found = {name: _entry_point(name) for name in ENTRY_POINTS}
    messages: list[CheckMessage] = [*_check_entry_points(found), *_check_limits()]
    if not any(map(_is_boundary, found.values())):
        # With the boundary the middleware is there for Django's test client only.
        messages += _check_middleware()
    return sorted(messages, key=lambda message: str(message.id))


def check_backend(alias: str, outside: str) -> list[CheckMessage]:
    """Return a warning if no response is seen in which the tasks of this backend could be added."""
    # Entry points are imported last, because that makes their applications.
    if _places_of_middleware() or any(map(_is_boundary, map(_entry_point, ENTRY_POINTS))):
        return []
    instead = {"run": "runs it at once", "raise": "raises NoActiveResponseError"}
    return [
        Warning(
            f"TASKS[{alias!r}] runs tasks after the response, but nothing in this project sees a "
            f"response: enqueue() {instead.get(outside, f'gives it to the backend {outside!r}')}, "
            "except in views with the decorator.",
            hint=f'Put "{OURS}" first in MIDDLEWARE, or serve the project through '
            "bgtasks_adapters.django.asgi or .wsgi.",
            id="bgtasks.W007",
        )
    ]


def _is_boundary(application: object) -> bool:
    return isinstance(application, (AsgiBoundary, WsgiBoundary))


def _entry_point(setting: str) -> object:
    path = getattr(django_settings, setting, None)
    return _imported(path) if isinstance(path, str) else None


def _imported(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError:
        return None  # for Django to complain of


def _places_of_middleware() -> list[int]:
    classes = [_imported(path) for path in django_settings.MIDDLEWARE]
    return [
        index
        for index, each in enumerate(classes)
        if isinstance(each, type) and issubclass(each, BackgroundTasksMiddleware)
    ]


def _check_middleware() -> Iterator[CheckMessage]:
    ours = _places_of_middleware()
    if not ours:
        yield Warning(
            "The middleware of bgtasks_adapters is not in MIDDLEWARE, so add_task() raises "
            "NoActiveResponseError except in views with the decorator.",
            hint=f'Put "{OURS}" first in MIDDLEWARE. Serving the project through '
            "bgtasks_adapters.django.asgi or .wsgi makes up for it, but not in tests.",
            id="bgtasks.W001",
        )
    elif ours[0] > 0:
        outer = ", ".join(django_settings.MIDDLEWARE[: ours[0]])
        yield Warning(
            f"The middleware of bgtasks_adapters is not first in MIDDLEWARE, so add_task() raises "
            f"NoActiveResponseError in what is above it: {outer}.",
            hint=f'Move "{OURS}" to the beginning of MIDDLEWARE.',
            id="bgtasks.W002",
        )


def _check_entry_points(found: dict[str, object]) -> Iterator[CheckMessage]:
    for setting, application in found.items():
        if isinstance(application, BaseHandler):  # Django's own; ours is within a boundary
            kind = ENTRY_POINTS[setting]
            yield Warning(
                f"{setting} is Django's own application: nothing of bgtasks_adapters sees a "
                "response to its end, or the server's shutdown.",
                hint=f"In the module of {getattr(django_settings, setting)} import "
                f"get_{kind}_application from bgtasks_adapters.django.{kind}, in the place of "
                f"django.core.{kind}.",
                id="bgtasks.W003",
            )


def _check_limits() -> Iterator[CheckMessage]:
    settings = get_settings()
    if settings.executor == "inline":
        return
    if settings.shutdown_timeout >= USUAL_GRACE_SECONDS:
        yield Warning(
            f"BGTASKS['SHUTDOWN_TIMEOUT'] is {settings.shutdown_timeout:g} s, and gunicorn and "
            f"Kubernetes kill a process {USUAL_GRACE_SECONDS} s after SIGTERM: what it has left "
            "over then is lost without a report.",
            hint=f"Set it below {USUAL_GRACE_SECONDS}. Or give gunicorn's --graceful-timeout and "
            "Kubernetes' terminationGracePeriodSeconds more, and silence this check.",
            id="bgtasks.W004",
        )
    yield from _check_pools(settings.max_workers)
    if settings.handle_sigterm is False:
        yield Warning(
            "BGTASKS['HANDLE_SIGTERM'] is False: on a server without a handler of its own "
            "(waitress, cheroot and others) SIGTERM kills the process and loses its tasks.",
            hint='Set it to "auto", which leaves handlers of servers alone. If your server has '
            "one, silence this check.",
            id="bgtasks.W006",
        )


def _check_pools(max_workers: int) -> Iterator[CheckMessage]:
    for alias, database in django_settings.DATABASES.items():
        size = _pool_size(database)
        if size is not None and size <= max_workers:
            yield Warning(
                f"The pool of the database {alias!r} has {size} connections for a process, and "
                f"tasks take up to BGTASKS['MAX_WORKERS']={max_workers} of them: views then wait "
                "for one, and fail.",
                hint=f'Set MAX_WORKERS below {size}, or "max_size" of the pool to more than '
                "MAX_WORKERS and the server's threads together.",
                id="bgtasks.W005",
            )


def _pool_size(database: dict[str, Any]) -> int | None:
    """Return how many connections a PostgreSQL pool has, if there is one; else None."""
    pool: dict[str, Any] | bool | None = database.get("OPTIONS", {}).get("pool")
    if not pool or not str(database.get("ENGINE", "")).endswith(("postgresql", "postgis")):
        return None
    options = pool if isinstance(pool, dict) else {}
    size = options.get("max_size") or options.get("min_size", DEFAULT_POOL_SIZE)
    return size if isinstance(size, int) else None
