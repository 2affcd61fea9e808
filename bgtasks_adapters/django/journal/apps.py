"""The app of the journal."""

from django.apps import AppConfig


class JournalConfig(AppConfig):
    name = "bgtasks_adapters.django.journal"
    label = "bgtasks_journal"
    verbose_name = "Background tasks' journal"
    default_auto_field = "django.db.models.BigAutoField"
