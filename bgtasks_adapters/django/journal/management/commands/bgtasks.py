"""``manage.py bgtasks list|retry|discard``: look after what crashes have left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.exceptions import BackgroundTasksError
from bgtasks_adapters.inventory import add_commands, perform
from bgtasks_adapters.keeping import StoredKeeper

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Show what the journal of background tasks keeps, run it again, or throw it away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_commands(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        journal = get_settings().journal
        if not isinstance(journal, StoredKeeper):
            raise CommandError('There is no journal: set BGTASKS = {"JOURNAL": True}.')
        try:
            self.stdout.write(perform(options, journal.store, journal.leases))
        except BackgroundTasksError as error:
            raise CommandError(str(error)) from error
        finally:
            journal.close()
