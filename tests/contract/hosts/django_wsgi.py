"""The Django site as a WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

from bgtasks_adapters.django.wsgi import get_wsgi_application as get_boundary

from .django_site import INSTALLATION

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def make_site() -> WSGIApplication:
    return get_boundary() if INSTALLATION == "boundary" else get_wsgi_application()
