"""A drop-in for ``django.core.asgi``, and the boundary around an application of several parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
from django.core.handlers.asgi import ASGIHandler

from bgtasks_adapters.asgi import Boundary
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.context import django_context
from bgtasks_adapters.django.handlers import WatchingHandler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["BackgroundTasksMiddleware", "get_asgi_application"]


class BackgroundTasksMiddleware(Boundary):
    """Run the tasks of every response and connection of an ASGI application in a Django project.

    For an application of which Django is only a part, such as the router of Channels: wrap the
    outermost one. As ``bgtasks_adapters.asgi.BackgroundTasksMiddleware``, with the setting
    ``BGTASKS`` in the place of keywords, and with Django's surroundings for all tasks, also for
    those of a websocket, which run when its connection has ended.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        super().__init__(app, get_settings(), django_context)


class _Handler(WatchingHandler, ASGIHandler):
    pass


def get_asgi_application() -> Boundary:
    """Return Django's ASGI application, with tasks after its responses.

    In the place of ``django.core.asgi.get_asgi_application``. It answers lifespan, which Django
    does not, and waits there for tasks when the server shuts down. Under a router for websockets
    put ``BackgroundTasksMiddleware`` around that, too, so that it sees all of them.
    """
    django.setup(set_prefix=False)
    handler: Any = _Handler()
    return Boundary(handler, get_settings(), django_context)
