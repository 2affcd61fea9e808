"""The smallest Django project: settings, and the WSGI application that runserver takes."""

from __future__ import annotations

from typing import Any

from .applications import SHUTDOWN_TIMEOUT

SECRET_KEY = "for the tests only"
ALLOWED_HOSTS = ["*"]
DEBUG = True
USE_TZ = True
ROOT_URLCONF = __name__
WSGI_APPLICATION = f"{__name__.rpartition('.')[0]}.django_wsgi.application"
BGTASKS: dict[str, Any] = {"SHUTDOWN_TIMEOUT": SHUTDOWN_TIMEOUT}
urlpatterns: list[Any] = []
