"""A WSGI application on an ASGI server, through a2wsgi."""

from __future__ import annotations

from a2wsgi import WSGIMiddleware

from .applications import wsgi

application = WSGIMiddleware(wsgi)
