"""What the site prepares before it serves."""

import httpx
from django.apps import AppConfig
from django.core.validators import validate_email
from PIL import Image


class MembersConfig(AppConfig):
    """The application `members`."""

    name = "django_example.members"

    def ready(self) -> None:
        """Have slow parts loaded now that are otherwise loaded when first used.

        That would be during somebody's request, or in a task that shares the event loop with
        everybody's requests.
        """
        validate_email("somebody@example.org")
        Image.init()
        httpx.AsyncClient()
