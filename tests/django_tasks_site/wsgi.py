"""The project under WSGI."""

from bgtasks_adapters.django.wsgi import get_wsgi_application

application = get_wsgi_application()
