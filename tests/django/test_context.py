"""What a task sees of its request: language, time zone, URL prefix, and context variables."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import get_urlconf, path, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext

from bgtasks_adapters import add_task, drain

from .exchange import PATIENCE, Reply, ask_asgi, ask_wsgi
from .installations import INSTALLATIONS, Installation, Interface, installed

visitor: ContextVar[str] = ContextVar("visitor", default="nobody")
seen: list[tuple[str | None, str, str, str]] = []


def look() -> None:
    seen.append(
        (
            translation.get_language(),
            timezone.get_current_timezone_name(),
            gettext("Yes"),
            visitor.get(),
        )
    )


async def look_async() -> None:
    look()
    await sync_to_async(look)()


def spoil() -> None:
    """Change all that can be changed, and leave it so."""
    translation.activate("fr")
    timezone.activate("Asia/Tokyo")
    visitor.set("somebody else")


def in_german(request: HttpRequest) -> HttpResponse:
    visitor.set("the visitor")
    with translation.override("de"), timezone.override("America/New_York"):
        add_task(look)
        add_task(look_async)
    return HttpResponse()


def without_language(request: HttpRequest) -> HttpResponse:
    with translation.override(None):
        add_task(look)
    return HttpResponse()


def spoiling(request: HttpRequest) -> HttpResponse:
    visitor.set("the visitor")
    add_task(spoil)
    add_task(look)
    return HttpResponse()


addresses: list[tuple[str, str | None]] = []


def note_address() -> None:
    addresses.append((reverse("mailed"), get_urlconf()))


async def note_address_async() -> None:
    note_address()


def mailed(request: HttpRequest) -> HttpResponse:
    add_task(note_address)
    add_task(note_address_async)
    return HttpResponse()


urlpatterns = [
    path("german", in_german),
    path("none", without_language),
    path("spoiling", spoiling),
    path("mailed", mailed, name="mailed"),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("production")]

Ask = Callable[..., Reply]
ASK: dict[Interface, Ask] = {"wsgi": ask_wsgi, "asgi": ask_asgi}
SEEN_BY = [each for each in INSTALLATIONS if each != "decorator"]


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()
    addresses.clear()


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("installation", SEEN_BY)
def test_language_and_time_zone_are_those_of_the_line(
    installation: Installation, interface: Interface
) -> None:
    """Def and async def tasks see what was active on the line that added them, translations too."""
    with installed(installation, interface) as app:
        ASK[interface](app, "/german")
        assert drain(PATIENCE)
    assert seen == [("de", "America/New_York", "Ja", "the visitor")] * 3


def test_a_language_that_was_turned_off_stays_off() -> None:
    """Where translation was deactivated for the line, it is for the task."""
    with installed("middleware", "wsgi") as app:
        ask_wsgi(app, "/none")
        assert drain(PATIENCE)
    assert seen[0][:1] == (None,)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_what_a_task_changes_stays_its_own(interface: Interface) -> None:
    """The next task, and the next response on the same worker, see none of it."""
    with installed("middleware", interface, MAX_WORKERS=1) as app:
        ASK[interface](app, "/spoiling")
        ASK[interface](app, "/spoiling")
        assert drain(PATIENCE)
    assert [each[:2] for each in seen] == [("en", "UTC")] * 2
    assert [each[3] for each in seen] == ["the visitor"] * 2


def test_the_language_that_the_locale_middleware_chose() -> None:
    """A task speaks the visitor's language, as LocaleMiddleware found it."""
    with installed(
        "middleware", "wsgi", middleware=("django.middleware.locale.LocaleMiddleware",)
    ) as app:
        ask_wsgi(app, "/spoiling", headers={"Accept-Language": "de"})
        assert drain(PATIENCE)
    assert seen[0][0] == "de"


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_reverse_gives_the_address_that_a_view_would_get(
    interface: Interface, settings: Any
) -> None:
    """A task builds URLs below the prefix that the server mounted the site at."""
    settings.FORCE_SCRIPT_NAME = "/shop"
    with installed("boundary", interface) as app:
        ASK[interface](app, "/mailed" if interface == "wsgi" else "/shop/mailed")
        assert drain(PATIENCE)
    assert [address for address, _ in addresses] == ["/shop/mailed", "/shop/mailed"]
