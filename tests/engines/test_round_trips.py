"""A task that is added in a view runs in a worker of the engine, once, with its arguments."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from bgtasks_adapters import add_task, drain, get_background_tasks
from bgtasks_adapters.handoff import Handoff
from tests.engines.conftest import PATIENCE, Listener
from tests.engines.noted import anote, note, note_twice
from tests.fates import Fates
from tests.wsgi_server import WsgiExchange, app_of, bounded

ARGUMENTS: Any = [1, "two", None, {"three": [4.5, True, "ü"]}]


def test_a_function_runs_in_the_worker(
    engine: Any, worker: subprocess.Popen[bytes], listener: Listener
) -> None:
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
    engine: Any, worker: subprocess.Popen[bytes], listener: Listener
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


def test_a_task_of_the_engine_is_its_own(
    engine: Any, worker: subprocess.Popen[bytes], listener: Listener
) -> None:
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


def _respond(view: Any, fates: Fates, **settings: Any) -> None:
    WsgiExchange(bounded(app_of(view), observers=[fates], **settings)).run()
    assert drain(PATIENCE), "the tasks were not handed off in time"
