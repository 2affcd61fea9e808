"""What the adapters leave of a response as Django made it: files, closers, caches."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_page

from bgtasks_adapters import BackgroundTasks, drain
from bgtasks_adapters.django import with_background_tasks
from tests.django_site.views import BODY, FILE

from .exchange import PATIENCE, Reply, ask_asgi, ask_wsgi, ask_wsgiref
from .installations import INSTALLATIONS, Installation, Interface, installed
from .recorder import Recorder

order: list[str] = []


def note(text: str) -> None:
    order.append(text)


@with_background_tasks
def plain(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    order.append("view")
    tasks.add_task(note, "task")
    return HttpResponse(BODY)


class NotingResponse(HttpResponse):
    def close(self) -> None:
        order.append("closing")
        super().close()
        order.append("closed")


@with_background_tasks
def closing(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    tasks.add_task(note, "task")
    return NotingResponse(BODY)


cached = cache_page(60)(plain)


@with_background_tasks
def late(request: HttpRequest, tasks: BackgroundTasks) -> HttpResponse:
    class Late(HttpResponse):
        def close(self) -> None:
            super().close()
            tasks.add_task(note, "added behind the end")

    return Late(BODY)


urlpatterns = [
    path("plain", plain),
    path("closing", closing),
    path("cached", cached),
    path("late", late),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("production")]

INTERFACES: list[Interface] = ["wsgi", "asgi"]


def ask(interface: Interface, app: Any, url: str) -> Reply:
    reply = ask_asgi(app, url) if interface == "asgi" else ask_wsgi(app, url)
    assert drain(PATIENCE)
    return reply


@pytest.fixture(autouse=True)
def fresh() -> None:
    order.clear()
    cache.clear()


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_a_response_is_what_it_was(installation: Installation, interface: Interface) -> None:
    """Status, headers and body of a view with tasks are the bare view's."""
    with installed(installation, interface) as app:
        reply = ask(interface, app, "/plain")
    assert (reply.status, reply.body) == (200, BODY)
    assert set(reply.headers) == {"content-type"}


@pytest.mark.parametrize("installation", INSTALLATIONS)
@pytest.mark.urls("tests.django_site.urls")
def test_a_file_is_sent_by_the_servers_own_wrapper(installation: Installation) -> None:
    """What the server gets for a FileResponse is its own file wrapper, complete with the file."""
    seen: list[object] = []
    prefix = "/decorated" if installation == "decorator" else ""
    recorder = Recorder()
    with installed(installation, "wsgi", OBSERVERS=[recorder]) as app:

        def watched(environ: Any, start_response: Any) -> Any:
            body = app(environ, start_response)
            seen.append(isinstance(body, environ["wsgi.file_wrapper"]))
            return body

        sent = ask_wsgiref(watched, f"{prefix}/def/file")
        assert drain(PATIENCE)
    assert seen == [True]
    assert sent.endswith(FILE.read_bytes())
    assert [fate.kind for fate in recorder.fates] == ["succeeded", "succeeded"]


def test_the_boundary_starts_tasks_behind_djangos_own_closing() -> None:
    """Under WSGI the response is closed completely before its first task starts."""
    with installed("boundary", "wsgi") as app:
        ask("wsgi", app, "/closing")
    assert order == ["closing", "closed", "task"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_a_view_below_cache_page(installation: Installation, interface: Interface) -> None:
    """The response can be put into a cache; the cached one runs no task, for no view ran."""
    with installed(installation, interface) as app:
        first, second = (ask(interface, app, "/cached") for _ in range(2))
    assert first.body == second.body == BODY
    assert order == ["view", "task"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_a_task_added_behind_the_end(installation: Installation, interface: Interface) -> None:
    """A task that is added when the response is over runs at once."""
    with installed(installation, interface) as app:
        ask(interface, app, "/late")
    assert order == ["added behind the end"]
