"""The three ways to install the package in Django, and applications that are made so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import django.core.asgi
import django.core.wsgi
from django.test.utils import override_settings

import bgtasks_adapters.django.asgi
import bgtasks_adapters.django.wsgi

Installation = Literal["decorator", "middleware", "boundary"]
Interface = Literal["wsgi", "asgi"]

INSTALLATIONS: tuple[Installation, ...] = ("decorator", "middleware", "boundary")
OURS = "bgtasks_adapters.django.BackgroundTasksMiddleware"


@contextmanager
def installed(
    installation: Installation,
    interface: Interface,
    *,
    middleware: Sequence[str] = (),
    outer_middleware: Sequence[str] = (),
    **bgtasks: Any,
) -> Iterator[Any]:
    """Give Django's application with the package installed in one way, and settings of its own."""
    ours = [OURS] if installation == "middleware" else []
    with override_settings(
        MIDDLEWARE=[*outer_middleware, *ours, *middleware],
        BGTASKS={"HANDLE_SIGTERM": False, **bgtasks},
    ):
        module: Any
        if installation == "boundary":
            is_asgi = interface == "asgi"
            module = bgtasks_adapters.django.asgi if is_asgi else bgtasks_adapters.django.wsgi
        else:
            module = django.core.asgi if interface == "asgi" else django.core.wsgi
        yield getattr(module, f"get_{interface}_application")()
