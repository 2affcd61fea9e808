"""A worker that is killed in the middle of a task, and a new one: what becomes of the task.

It is "lost" if the engine knows nothing of it any more, "kept" if the engine has it and does
nothing about it yet, and "again" if it runs a second time. docs/outgrow.md says the same.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from select import select
from typing import Any

import pytest

from bgtasks_adapters import add_task, drain
from bgtasks_adapters.handoff import Handoff
from tests.engines.conftest import ENGINE, PATIENCE, Listener, Site, Worker
from tests.engines.left import LEFT
from tests.engines.noted import note, stay
from tests.fates import Fates
from tests.wsgi_server import WsgiExchange, app_of, bounded

BY_DEFAULT = {
    "celery": "lost",
    "celery_rabbitmq": "lost",
    "django_tasks_db": "kept",
    "dramatiq": "kept",
    "dramatiq_rabbitmq": "again",
    "huey": "lost",
    "huey_redis": "lost",
    "procrastinate": "kept",
    "rq": "kept",
    "taskiq": "lost",
}
AGAIN = {
    "celery": {"celery_late": "redis", "celery_late_rabbitmq": "rabbitmq"},
    "dramatiq": {"dramatiq_impatient": "redis"},
    "taskiq": {"taskiq_stream": "redis"},
}
"""Sites with settings by which a task runs again, soon."""


def test_with_the_settings_that_an_engine_has(
    site: Site, worker: Worker, listener: Listener
) -> None:
    """The new worker runs the next task, and the killed one's as the table says."""
    _send(site, stay, "first")
    _kill(worker, listener)
    worker.start()
    _send(site, note, "second")
    expected = BY_DEFAULT[site.name]
    if expected == "again":
        assert _heard(listener, 2) == ["first", "second"]
    else:
        assert _heard(listener, 1) == ["second"]
        assert ("first" in LEFT[site.name](site.module)) == (expected == "kept")


@pytest.fixture(scope="module", params=AGAIN.get(ENGINE, {}).items(), ids=lambda item: item[0])
def other(request: pytest.FixtureRequest, sites: Callable[[str, str], Site]) -> Site:
    return sites(*request.param)


@pytest.fixture(scope="module")
def other_worker(other: Site) -> Iterator[Worker]:
    worker = Worker(other.module.WORKER)
    yield worker
    worker.kill()


def test_with_settings_of_another_kind(
    other: Site, other_worker: Worker, listener: Listener
) -> None:
    """The task runs again, in the new worker."""
    _send(other, stay, "first")
    _kill(other_worker, listener)
    other_worker.start()
    if other.name == "taskiq_stream":  # it looks for such tasks when it has got another one
        _send(other, note, "second")
        assert _heard(listener, 2) == ["first", "second"]
    else:
        assert _heard(listener, 1) == ["first"]


@pytest.mark.skipif(ENGINE != "celery", reason="only Celery's worker has processes that end alone")
def test_a_child_of_celery_that_is_killed(
    other: Site, other_worker: Worker, listener: Listener
) -> None:
    """With ``reject_on_worker_lost`` its task runs again at once, in the same worker."""
    _send(other, stay, "first")
    os.kill(listener.hear(hold=True)["pid"], signal.SIGKILL)
    assert _heard(listener, 1) == ["first"]
    assert not other_worker.has_ended


def _kill(worker: Worker, listener: Listener) -> None:
    """Kill a worker that is in the middle of a task."""
    heard = listener.hear(hold=True)
    assert heard["args"] == ["first"]
    # Until it is gone a broker may give it the next task, too.
    process = os.pidfd_open(heard["pid"])
    worker.kill()
    if ENGINE == "rq":  # the process of a task has a group of its own there
        os.kill(heard["pid"], signal.SIGKILL)
    assert select([process], [], [], PATIENCE)[0]
    os.close(process)


def _heard(listener: Listener, count: int) -> list[str]:
    return sorted(listener.hear()["args"][0] for _ in range(count))


def _send(site: Site, function: Callable[[str], Any], word: str) -> None:
    fates = Fates()
    handoff = Handoff(site.module.task)
    app = app_of(lambda: add_task(function, word))
    WsgiExchange(bounded(app, observers=[fates], handoff=handoff)).run()
    assert drain(PATIENCE), "the task was not handed off in time"
    assert fates.kinds == ["handed_off"]
