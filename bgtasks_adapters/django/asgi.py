"""A drop-in for ``django.core.asgi``: Django under ASGI, with the boundary around it."""

from __future__ import annotations

from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler

from bgtasks_adapters.asgi import Boundary
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.context import django_context
from bgtasks_adapters.django.handlers import WatchingHandler

__all__ = ["get_asgi_application"]


class _Handler(WatchingHandler, ASGIHandler):
    pass


def get_asgi_application() -> Boundary:
    """Return Django's ASGI application, with tasks after its responses.

    In the place of ``django.core.asgi.get_asgi_application``. It answers lifespan, which Django
    does not, and waits there for tasks when the server shuts down. To put it under a router for
    websockets, mount it as the "http" application and pass "lifespan" to it, too.
    """
    django.setup(set_prefix=False)
    handler: Any = _Handler()
    return Boundary(handler, get_settings(), django_context)
