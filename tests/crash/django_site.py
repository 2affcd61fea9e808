"""A Django project in one file: a row and its task in one transaction, the journal beside them."""

from __future__ import annotations

import os
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from bgtasks_adapters import add_task
from tests.crash.work import deliver, journal, receipt

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "bgtasks_adapters.django",
    "bgtasks_adapters.django.journal",
    "tests.django_site",
]
_SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.environ["CRASH_DATABASE"],
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "pragma journal_mode = wal; pragma synchronous = normal",
    },
}
_POSTGRESQL: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "postgres",
    "USER": "postgres",
    "HOST": "127.0.0.1",
    "PORT": os.environ["CRASH_POSTGRESQL"],
}
DATABASES = {
    "default": {
        **(_POSTGRESQL if os.environ["CRASH_POSTGRESQL"] else _SQLITE),
        "ATOMIC_REQUESTS": True,
    }
}
BGTASKS = {"JOURNAL": True} if journal() else {}


def answer(request: HttpRequest, number: int) -> HttpResponse:
    from tests.django_site.models import Note

    if number:
        Note.objects.create(text=str(number))
        add_task(deliver, number)
    return HttpResponse(receipt())


urlpatterns = [path("<int:number>", answer)]
