"""The ASGI application of the Django project: Django's own, with the middleware alone."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

application = get_asgi_application()
