"""Django's tasks framework under WSGI, with the backend of bgtasks_adapters."""

from __future__ import annotations

from benchmarks.sites.django_site import configure, pages
from benchmarks.sites.django_tasks_queue import enqueue
from bgtasks_adapters.django.wsgi import get_wsgi_application

configure(
    __name__, TASKS={"default": {"BACKEND": "bgtasks_adapters.django.backend.AfterResponseBackend"}}
)
urlpatterns = pages(enqueue())
application = get_wsgi_application()
