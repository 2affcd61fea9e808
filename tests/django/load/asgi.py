"""The ASGI application: the drop-in."""

from __future__ import annotations

from bgtasks_adapters.django.asgi import get_asgi_application

application = get_asgi_application()
