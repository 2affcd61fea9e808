"""How the end of a view decides for its tasks: the reasons, the outcomes, and who comes later.

What each installation sees of a view is in the table (test_table); here are the rules behind it.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from bgtasks_adapters import Outcome, add_task, drain, get_background_tasks

from .exchange import PATIENCE, ask_asgi, ask_wsgi
from .installations import INSTALLATIONS, Installation, Interface, installed
from .recorder import Recorder

OWN = "tests.django_site.middleware."


def def_task() -> None:
    """Do nothing."""


def add_one_of_each() -> None:
    tasks = get_background_tasks()
    for when in ("returned", "success", "always"):
        tasks.using(when=when, name=when).add_task(def_task)


def raising(request: HttpRequest) -> HttpResponse:
    add_one_of_each()
    raise LookupError


def missing(request: HttpRequest) -> HttpResponse:
    add_one_of_each()
    raise Http404


async def async_raising(request: HttpRequest) -> HttpResponse:
    add_one_of_each()
    raise LookupError


def returning(request: HttpRequest, status: int) -> HttpResponse:
    add_one_of_each()
    return HttpResponse(status=status)


async def async_returning(request: HttpRequest, status: int) -> HttpResponse:
    add_one_of_each()
    return HttpResponse(status=status)


def handler500(request: HttpRequest) -> HttpResponse:
    get_background_tasks().using(name="from the handler").add_task(def_task)
    return HttpResponse(b"handled", status=500)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    get_background_tasks().using(name="from the handler").add_task(def_task)
    return HttpResponse(b"handled", status=404)


seen: list[Outcome] = []


def only_teapots(outcome: Outcome) -> bool:
    seen.append(outcome)
    return outcome.status == 418


def default(request: HttpRequest, status: int) -> HttpResponse:
    add_task(def_task)
    return HttpResponse(status=status)


urlpatterns = [
    path("default/<int:status>", default),
    path("raising", raising),
    path("async-raising", async_raising),
    path("missing", missing),
    path("returning/<int:status>", returning),
    path("async-returning/<int:status>", async_returning),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.usefixtures("production")]

WITH_AMBIENT = [each for each in INSTALLATIONS if each != "decorator"]
INTERFACES: tuple[Interface, ...] = ("wsgi", "asgi")


def fates_after(
    url: str, installation: Installation, interface: Interface, **options: Any
) -> dict[str, str]:
    recorder = Recorder()
    ask: Any = ask_asgi if interface == "asgi" else ask_wsgi
    with installed(installation, interface, OBSERVERS=[recorder], **options) as app:
        ask(app, url)
        assert drain(PATIENCE)
    return recorder.kinds


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", WITH_AMBIENT)
@pytest.mark.parametrize("url", ["/raising", "/async-raising"])
def test_a_view_that_raises(url: str, installation: Installation, interface: Interface) -> None:
    """Only "always" runs behind a view that raised; the error handler's own task runs, too."""
    assert fates_after(url, installation, interface) == {
        "returned": "skipped",
        "success": "skipped",
        "always": "succeeded",
        "from the handler": "succeeded",
    }


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", WITH_AMBIENT)
def test_a_view_that_raises_404(installation: Installation, interface: Interface) -> None:
    """Http404 is no response that the view returned, although Django makes one of it."""
    assert fates_after("/missing", installation, interface) == {
        "returned": "skipped",
        "success": "skipped",
        "always": "succeeded",
        "from the handler": "succeeded",
    }


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("installation", WITH_AMBIENT)
@pytest.mark.parametrize("url", ["/returning/", "/async-returning/"])
@pytest.mark.parametrize(("status", "success"), [(204, "succeeded"), (404, "skipped")])
def test_a_view_that_returns(
    url: str, installation: Installation, interface: Interface, status: int, success: str
) -> None:
    """A view that returned any status has returned; below 400 it was a success."""
    assert fates_after(f"{url}{status}", installation, interface) == {
        "returned": "succeeded",
        "success": success,
        "always": "succeeded",
    }


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_task_of_an_outer_middleware_is_judged_by_the_response(interface: Interface) -> None:
    """What is added behind a view that raised goes by the response that was made of it."""
    kinds = fates_after(
        "/raising", "boundary", interface, outer_middleware=(f"{OWN}add_behind_view",)
    )
    assert kinds["def_task"] == "succeeded"
    assert kinds["returned"] == "skipped"


@pytest.mark.parametrize("interface", INTERFACES)
def test_without_a_view_the_status_decides(interface: Interface) -> None:
    """Where no view was found, a status of 400 or more counts as raised."""
    kinds = fates_after(
        "/nowhere", "boundary", interface, outer_middleware=(f"{OWN}add_behind_view",)
    )
    assert kinds == {"from the handler": "skipped", "def_task": "skipped"}


@pytest.mark.parametrize("installation", WITH_AMBIENT)
def test_the_reason_names_the_exception(installation: Installation, recorder: Recorder) -> None:
    """A skipped task is reported with what the view raised."""
    with installed(installation, "wsgi", OBSERVERS=[recorder]) as app:
        ask_wsgi(app, "/raising")
        fates = {fate.name: fate for fate in recorder.wait_for(4)}
    assert fates["returned"].reason == "the view raised LookupError"
    assert fates["returned"].returned is False
    assert fates["always"].status == 500


@pytest.mark.parametrize("interface", INTERFACES)
def test_a_function_as_when_sees_the_outcome(interface: Interface, recorder: Recorder) -> None:
    """WHEN may be a function, by its dotted path, too: it gets how the response ended."""
    seen.clear()
    ask: Any = ask_asgi if interface == "asgi" else ask_wsgi
    when = f"{__name__}.only_teapots"
    with installed("middleware", interface, OBSERVERS=[recorder], WHEN=when) as app:
        for status in (418, 200):
            ask(app, f"/default/{status}")
        assert drain(PATIENCE)
    assert {fate.status: fate.kind for fate in recorder.fates} == {418: "succeeded", 200: "skipped"}
    assert {(outcome.returned, outcome.status) for outcome in seen} == {(True, 418), (True, 200)}
