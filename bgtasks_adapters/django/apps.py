"""The app: checks the setting at start, and the project at ``check --deploy``."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from bgtasks_adapters.django.conf import get_settings


class BackgroundTasksConfig(AppConfig):
    name = "bgtasks_adapters.django"
    label = "bgtasks_adapters"
    verbose_name = "Background tasks"

    def ready(self) -> None:
        get_settings()  # a bad value is an error now, not at the first task
        from bgtasks_adapters.django.checks import check_deployment

        if getattr(settings, "TASKS", None):
            import_module("django.tasks")  # registers the check that asks the backends, ours too
        checks.register(check_deployment, "bgtasks", deploy=True)
