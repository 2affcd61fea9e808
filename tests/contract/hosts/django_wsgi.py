"""The Django site as a WSGI application."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from bgtasks_adapters.django.wsgi import get_wsgi_application as get_boundary

from .announce import announce_end_of_main_thread
from .django_site import INSTALLATION
from .ending import HeldWsgiEnd

site = get_boundary() if INSTALLATION == "boundary" else get_wsgi_application()
application = HeldWsgiEnd(site)
announce_end_of_main_thread()
