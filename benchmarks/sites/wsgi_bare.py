"""A bare WSGI callable: what a request costs without any framework, and without tasks."""

from __future__ import annotations

from benchmarks.sites.wsgi_pages import Pages

application = Pages(lambda function, *args: function(*args))
