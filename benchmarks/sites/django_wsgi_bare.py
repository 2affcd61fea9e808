"""Django under WSGI, without tasks."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from benchmarks.sites.django_site import configure, pages, run_now

configure(__name__)
urlpatterns = pages(run_now)
application = get_wsgi_application()
