"""Django's tasks framework, with the backend that keeps tasks in the database."""

from __future__ import annotations

import sys

from django.core.management import call_command
from django.tasks import task as django_task

from bgtasks_adapters import handoff
from tests.engines.noted import note


@django_task
def task(path: str, args: list[object], kwargs: dict[str, object]) -> None:
    handoff.run(path, args, kwargs)


@django_task
def native(*args: object, **kwargs: object) -> None:
    note(*args, **kwargs)


def prepare() -> None:
    call_command("migrate", verbosity=0)


NATIVE_OPTIONS = {"priority": 3}
WORKER = [
    *(sys.executable, "-m", "django", "db_worker", "--interval", "0.1", "--no-startup-delay"),
    *("--settings", "tests.engines.django_settings"),
]
