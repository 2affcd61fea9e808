"""The site for WSGI servers: `gunicorn --threads 8 django_example.wsgi:application`."""

import os

from bgtasks_adapters.django.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_example.settings")

application = get_wsgi_application()
