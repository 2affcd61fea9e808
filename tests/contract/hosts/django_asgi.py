"""The Django site as an ASGI application."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from bgtasks_adapters.django.asgi import get_asgi_application as get_boundary

from .django_site import INSTALLATION
from .ending import HeldAsgiEnd

site = get_boundary() if INSTALLATION == "boundary" else get_asgi_application()
application = HeldAsgiEnd(site)
