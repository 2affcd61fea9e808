"""Django under ASGI with ``async def`` views, without tasks."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from benchmarks.sites.django_site import async_pages, configure, run_now

configure(__name__)
urlpatterns = async_pages(run_now)
application = get_asgi_application()
