"""What the server serves."""

import os

from bgtasks_adapters.django.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_service.settings")
application = get_wsgi_application()
