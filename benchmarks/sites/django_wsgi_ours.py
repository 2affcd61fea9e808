"""Django under WSGI with bgtasks_adapters; its middleware is there if there is any other one."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse

from benchmarks.sites.django_site import configure, middleware_first, pages
from benchmarks.sites.pools import WORKERS
from bgtasks_adapters import add_task
from bgtasks_adapters.django.wsgi import get_wsgi_application


def queue(response: HttpResponse, function: Callable[..., object], *args: object) -> None:
    add_task(function, *args)


configure(__name__, BGTASKS={"MAX_WORKERS": WORKERS})
urlpatterns = pages(queue)
with middleware_first("bgtasks_adapters.django.BackgroundTasksMiddleware"):
    application = get_wsgi_application()
