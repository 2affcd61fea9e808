"""The app: checks the setting at start, and the project at ``check --deploy``."""

from django.apps import AppConfig
from django.core import checks

from bgtasks_adapters.django.conf import get_settings


class BackgroundTasksConfig(AppConfig):
    name = "bgtasks_adapters.django"
    label = "bgtasks_adapters"
    verbose_name = "Background tasks"

    def ready(self) -> None:
        get_settings()  # a bad value is an error now, not at the first task
        from bgtasks_adapters.django.checks import check_deployment

        checks.register(check_deployment, "bgtasks", deploy=True)
