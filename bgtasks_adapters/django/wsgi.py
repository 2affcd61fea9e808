"""A drop-in for ``django.core.wsgi``: Django under WSGI, with the boundary around it."""

from __future__ import annotations

import django
from django.core.handlers.wsgi import WSGIHandler

from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.django.context import django_context
from bgtasks_adapters.django.handlers import WatchingHandler
from bgtasks_adapters.wsgi import Boundary

__all__ = ["get_wsgi_application"]


class _Handler(WatchingHandler, WSGIHandler):
    pass


def get_wsgi_application() -> Boundary:
    """Return Django's WSGI application, with tasks after its responses.

    In the place of ``django.core.wsgi.get_wsgi_application``.
    """
    django.setup(set_prefix=False)
    return Boundary(_Handler(), get_settings(), django_context, _is_finished)


def _is_finished(body: object) -> bool:
    """Tell whether a response has its whole content, so that to send it runs no more code."""
    return getattr(body, "streaming", True) is False  # a server's file wrapper has no such thing
