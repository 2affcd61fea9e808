"""The site for ASGI servers: `uvicorn django_example.asgi:application`."""

import os

from bgtasks_adapters.django.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_example.settings")

application = get_asgi_application()
