"""The WSGI application of ``django_site``."""

from __future__ import annotations

from bgtasks_adapters.django.wsgi import get_wsgi_application

application = get_wsgi_application()
