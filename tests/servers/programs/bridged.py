"""A WSGI application on an ASGI server, through a2wsgi."""

from __future__ import annotations

from typing import Any

from a2wsgi import WSGIMiddleware

from .applications import wsgi

_app: Any = wsgi  # a2wsgi has types of its own for what the standard library has, too
application = WSGIMiddleware(_app)
