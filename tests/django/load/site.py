"""The settings of the project that is served: the database is the one that the test made."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.mysql_driver import load_mysql_driver

LOAD = json.loads(os.environ["BGTASKS_LOAD"])
if LOAD["database"]["ENGINE"].endswith("mysql"):
    load_mysql_driver()

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.django.load.views"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["bgtasks_adapters.django", "tests.django_site"]
MIDDLEWARE = ["bgtasks_adapters.django.BackgroundTasksMiddleware"]
DATABASES: dict[str, Any] = {"default": LOAD["database"]}
BGTASKS = {"MAX_WORKERS": LOAD["max_workers"]}
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"bgtasks_adapters": {"handlers": ["stderr"], "level": "WARNING"}},
}
