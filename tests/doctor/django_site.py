"""A Django project with the middleware alone: Django's own entry points, no boundary."""

from __future__ import annotations

from typing import Any

SECRET_KEY = "for the tests only"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = __name__
MIDDLEWARE = ["bgtasks_adapters.django.BackgroundTasksMiddleware"]
urlpatterns: list[Any] = []
