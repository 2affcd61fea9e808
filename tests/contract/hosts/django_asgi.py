"""The Django site as an ASGI application."""

from __future__ import annotations

from typing import Any

from django.core.asgi import get_asgi_application

from bgtasks_adapters.django.asgi import get_asgi_application as get_boundary
from bgtasks_adapters.exchanges import ASGIApp

from .django_site import INSTALLATION


def make_site() -> ASGIApp:
    site: Any = get_boundary() if INSTALLATION == "boundary" else get_asgi_application()
    application: ASGIApp = site
    return application
