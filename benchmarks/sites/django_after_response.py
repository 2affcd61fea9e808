"""Django under WSGI with django-after-response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

from benchmarks.sites.django_site import configure, pages
from benchmarks.sites.tasks import step, work

_enabled: dict[Callable[..., object], Any] = {}


def queue(response: HttpResponse, function: Callable[..., object], *args: object) -> None:
    _enabled[function].after_response(*args)


def _enable() -> None:
    import after_response  # reads the settings at its import

    _enabled.update({function: after_response.enable(function) for function in (work, step)})


configure(__name__, INSTALLED_APPS=["after_response"])
_enable()
urlpatterns = pages(queue)
application = get_wsgi_application()
