"""Django's tasks framework under WSGI, with the backend of django-tasks-inprocess."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from benchmarks.sites.django_site import configure, pages
from benchmarks.sites.django_tasks_queue import enqueue

configure(__name__, TASKS={"default": {"BACKEND": "django_tasks_inprocess.InProcessTaskBackend"}})
urlpatterns = pages(enqueue())
application = get_wsgi_application()
