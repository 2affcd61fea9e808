"""The project under ASGI."""

from bgtasks_adapters.django.asgi import get_asgi_application

application = get_asgi_application()
