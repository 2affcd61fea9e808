"""Django's tasks framework under WSGI, with the backend of django-tasks-local."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from benchmarks.sites.django_site import configure, pages
from benchmarks.sites.django_tasks_queue import enqueue
from benchmarks.sites.pools import WORKERS

configure(
    __name__,
    TASKS={
        "default": {
            "BACKEND": "django_tasks_local.ThreadPoolBackend",
            "OPTIONS": {"MAX_WORKERS": max(10, WORKERS)},
        }
    },
)
urlpatterns = pages(enqueue())
application = get_wsgi_application()
