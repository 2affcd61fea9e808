"""The settings of the Django site; CONTRACT_DJANGO says how the package is installed in it."""

from __future__ import annotations

import os

from bgtasks_adapters.contract.served.settings import settings

INSTALLATION = os.environ["CONTRACT_DJANGO"]
"""By the "boundary" (our own get_..._application), the "middleware", or the "decorator" alone."""

SECRET_KEY = "for the contract only"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.contract.hosts.django_pages"
WSGI_APPLICATION = "bgtasks_adapters.contract.served.application.application"
INSTALLED_APPS = [] if INSTALLATION == "decorator" else ["bgtasks_adapters.django"]
MIDDLEWARE = [
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "tests.contract.hosts.django_pages.replace",
]
if INSTALLATION == "middleware":
    MIDDLEWARE.insert(0, "bgtasks_adapters.django.BackgroundTasksMiddleware")

BGTASKS = {name.upper(): value for name, value in settings().items()}
