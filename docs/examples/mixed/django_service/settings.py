"""Django's settings, as few as it takes."""

import os

SECRET_KEY = "for an example on one's own machine"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "django_service.urls"
INSTALLED_APPS = ["bgtasks_adapters.django"]
MIDDLEWARE = ["bgtasks_adapters.django.BackgroundTasksMiddleware"]
BGTASKS = {"RECEIPT": os.environ.get("RECEIPT")}
