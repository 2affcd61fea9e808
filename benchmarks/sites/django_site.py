"""Settings for the Django sites, without a project, and the pages as URL patterns.

A process has one set of settings: the first site that is imported decides, except for
``ROOT_URLCONF``, which is one site at a time. Who drives several of them calls ``turn_to``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutine
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path

from benchmarks.sites.tasks import ms_of, runs, step, steps, work, work_async

MIDDLEWARE_VARIABLE = "BENCHMARKS_DJANGO_MIDDLEWARE"
"""``startproject`` in the environment: with what a new project has, else without any."""

STARTPROJECT = {
    "INSTALLED_APPS": [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    "MIDDLEWARE": [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
}

Queue = Callable[..., object]
"""Called with the response, a function and its arguments."""


def configure(site: str, **more: Any) -> None:
    """Make settings for this module, unless another one did."""
    if settings.configured:
        return
    is_project = os.environ.get(MIDDLEWARE_VARIABLE) == "startproject"
    chosen = STARTPROJECT if is_project else {"INSTALLED_APPS": [], "MIDDLEWARE": []}
    settings.configure(
        SECRET_KEY="only for measuring",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=site,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        **{**chosen, **more},
    )


@contextmanager
def middleware_first(middleware: str) -> Iterator[None]:
    """Let a handler that is made in this block have it outermost, if it has any at all."""
    before = settings.MIDDLEWARE
    if before:
        settings.MIDDLEWARE = [middleware, *before]
    try:
        yield
    finally:
        settings.MIDDLEWARE = before


def turn_to(site: str) -> None:
    """Let the requests that follow reach the views of this module."""
    settings.ROOT_URLCONF = site


def run_now(response: HttpResponse, function: Callable[..., object], *args: object) -> object:
    """Do without tasks: the work is done before the response."""
    return function(*args)


def pages(queue: Queue) -> list[URLPattern]:
    """Return the patterns of ``def`` views."""

    def none(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"ok")

    def queue_def(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(b"ok")
        queue(response, work, ms_of(request.META["QUERY_STRING"]))
        return response

    def queue_async(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(b"ok")
        queue(response, work_async, ms_of(request.META["QUERY_STRING"]))
        return response

    def many(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(b"ok")
        for number in steps():
            queue(response, step, *number)
        return response

    def ran(request: HttpRequest) -> HttpResponse:
        return JsonResponse(dict(runs.report()))

    return [
        path("none", none),
        path("def", queue_def),
        path("async", queue_async),
        path("many", many),
        path("ran", ran),
    ]


def async_pages(queue: Queue) -> list[URLPattern]:
    """Return the patterns of ``async def`` views; a coroutine from ``queue`` is awaited."""

    async def none(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"ok")

    async def queue_def(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(b"ok")
        queue(response, work, ms_of(request.META["QUERY_STRING"]))
        return response

    async def queue_async(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(b"ok")
        queued = queue(response, work_async, ms_of(request.META["QUERY_STRING"]))
        if iscoroutine(queued):
            await queued
        return response

    async def many(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(b"ok")
        for number in steps():
            queue(response, step, *number)
        return response

    async def ran(request: HttpRequest) -> HttpResponse:
        return JsonResponse(dict(runs.report()))

    return [
        path("none", none),
        path("def", queue_def),
        path("async", queue_async),
        path("many", many),
        path("ran", ran),
    ]
