"""The settings; TASKS_RECEIPT names the file of the receipt."""

import os

SECRET_KEY = "for the tests only"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.django_tasks_site.urls"
INSTALLED_APPS = ["bgtasks_adapters.django"]
MIDDLEWARE = ["bgtasks_adapters.django.BackgroundTasksMiddleware"]
BGTASKS = {"RECEIPT": os.environ["TASKS_RECEIPT"]}
USE_TZ = True
TASKS = {
    "default": {
        "BACKEND": "bgtasks_adapters.django.backend.AfterResponseBackend",
        "OPTIONS": {"KEEP_RESULTS": 10},
    }
}
