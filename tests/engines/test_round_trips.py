"""A task that is added in a view runs in a worker of the engine, once, with its arguments."""

from __future__ import annotations

import os
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from flask import Flask

from bgtasks_adapters import add_task, drain, get_background_tasks
from bgtasks_adapters.django.wsgi import get_wsgi_application
from bgtasks_adapters.flask import init_app
from bgtasks_adapters.handoff import Handoff
from tests.engines.conftest import PATIENCE, Listener, Worker
from tests.engines.noted import anote, note, note_twice
from tests.fates import Fates
from tests.wsgi_server import WsgiExchange, app_of, bounded

ARGUMENTS: Any = [1, "two", None, {"three": [4.5, True, "ü"]}]


def test_a_function_runs_in_the_worker(engine: Any, worker: Worker, listener: Listener) -> None:
    """With what it was given, in another process; here it was handed off."""
    fates = Fates()

    def view() -> None:
        add_task(note, *ARGUMENTS, word="five")

    _respond(view, fates, handoff=Handoff(engine.task))
    heard = listener.hear()
    assert (heard["args"], heard["kwargs"]) == (ARGUMENTS, {"word": "five"})
    assert heard["pid"] != os.getpid()
    assert fates.kinds == ["handed_off"]


def test_an_async_function_and_what_a_task_adds_itself(
    engine: Any, worker: Worker, listener: Listener
) -> None:
    """Both run there, in order."""
    fates = Fates()

    def view() -> None:
        add_task(anote, "awaited")
        add_task(note_twice, "at once")

    _respond(view, fates, handoff=Handoff(engine.task))
    heard = [listener.hear() for _ in range(3)]
    assert sorted(each["args"] for each in heard) == [
        ["at once"],
        ["at once, afterwards"],
        ["awaited"],
    ]
    assert os.getpid() not in {each["pid"] for each in heard}


def test_a_task_of_the_engine_is_its_own(engine: Any, worker: Worker, listener: Listener) -> None:
    """Without any setting it is given to its engine, with the engine's own options."""
    fates = Fates()

    def view() -> None:
        tasks = get_background_tasks()
        tasks.add_task(engine.native, word="plain")
        tasks.using(engine=engine.NATIVE_OPTIONS).add_task(engine.native, word="with options")

    _respond(view, fates)
    heard = [listener.hear() for _ in range(2)]
    assert sorted(each["kwargs"]["word"] for each in heard) == ["plain", "with options"]
    assert os.getpid() not in {each["pid"] for each in heard}
    assert fates.kinds == ["handed_off", "handed_off"]


def test_from_a_flask_route(engine: Any, worker: Worker, listener: Listener) -> None:
    """The setting is a keyword of ``init_app``."""
    app = Flask(__name__)
    init_app(app, handoff=Handoff(engine.task), handle_sigterm=False)

    @app.get("/")
    def view() -> str:
        add_task(note, "flask")
        return "ok"

    WsgiExchange(app).run()
    assert listener.hear()["args"] == ["flask"]
    assert drain(PATIENCE)


def django_view(request: HttpRequest) -> HttpResponse:
    add_task(note, "django")
    return HttpResponse("ok")


urlpatterns = [path("", django_view)]


def test_from_a_django_view(engine: Any, worker: Worker, listener: Listener) -> None:
    """There it is ``BGTASKS["HANDOFF"]``, which may be a dotted path, too."""
    global to_engine  # noqa: PLW0603
    to_engine = Handoff(engine.task)
    for handoff in (to_engine, f"{__name__}.to_engine"):
        with override_settings(
            ROOT_URLCONF=__name__,
            MIDDLEWARE=["bgtasks_adapters.django.BackgroundTasksMiddleware"],
            BGTASKS={"HANDOFF": handoff, "HANDLE_SIGTERM": False},
        ):
            WsgiExchange(get_wsgi_application()).run()
            assert listener.hear()["args"] == ["django"]
            assert drain(PATIENCE)


to_engine: Handoff


def _respond(view: Any, fates: Fates, **settings: Any) -> None:
    WsgiExchange(bounded(app_of(view), observers=[fates], **settings)).run()
    assert drain(PATIENCE), "the tasks were not handed off in time"
