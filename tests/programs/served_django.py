"""The settings of a Django project without pages, with the package's log on stderr."""

from __future__ import annotations

from typing import Any

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
USE_TZ = True
INSTALLED_APPS = ["bgtasks_adapters.django"]
MIDDLEWARE = ["bgtasks_adapters.django.BackgroundTasksMiddleware"]
WSGI_APPLICATION = "tests.programs.served_django_wsgi.application"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"bgtasks_adapters": {"handlers": ["stderr"], "level": "INFO"}},
}
urlpatterns: list[Any] = []
