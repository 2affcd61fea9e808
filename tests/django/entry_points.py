"""Entry points of a project, as WSGI_APPLICATION and ASGI_APPLICATION may name them."""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from .installations import installed

plain_wsgi = WSGIHandler()
plain_asgi = ASGIHandler()

with installed("boundary", "wsgi") as application:
    drop_in_wsgi = application
with installed("boundary", "asgi") as application:
    drop_in_asgi = application


def wrapped_wsgi(*arguments: Any) -> Any:
    """Be one of the many wrappers that a project may have around its application."""
    return plain_wsgi(*arguments)


async def wrapped_asgi(*arguments: Any) -> None:
    """Be one of them under ASGI."""
    await plain_asgi(*arguments)
