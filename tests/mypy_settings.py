"""Django settings for mypy's plug-in alone, which needs every application that has models."""

from django_example import settings as example
from django_example.settings import *  # noqa: F403
from tests.django_site import settings as site
from tests.django_site.settings import *  # noqa: F403

INSTALLED_APPS = list(
    dict.fromkeys(
        [*site.INSTALLED_APPS, *example.INSTALLED_APPS, "bgtasks_adapters.django.journal"]
    )
)
