"""What a server's own way of ending its processes does to tasks: it waits for them, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bgtasks_adapters.contract.gate import Visit, all_still_wait
from bgtasks_adapters.contract.hosts import Pair
from bgtasks_adapters.contract.promises.shutdown import assert_receipt
from bgtasks_adapters.contract.servers import SERVERS, SERVERS_IN_OTHER_WAYS
from bgtasks_adapters.contract.sites import Site, StartSite

from . import test_hosts

BARE = {"asgi": test_hosts.TestBareAsgi.host, "wsgi": test_hosts.TestBareWsgi.host}
IDLE_WORKERS_END_SECONDS = 1.5
"""Behind it workers without tasks have ended. Were it too short, a defect could hide."""


def pair_of(name: str) -> Pair:
    server = {**SERVERS, **SERVERS_IN_OTHER_WAYS}[name]
    return Pair(BARE[server.interface], server)


@pytest.fixture
def start(
    start_site: StartSite, another_visit: Visit, request: pytest.FixtureRequest
) -> Callable[..., Site]:
    """Start a server by its name; it is killed if it outlives the test."""

    def start(name: str, **settings: object) -> Site:
        site = start_site(pair_of(name), **settings)
        request.addfinalizer(site.kill)
        if site.pair.server.processes > 1:
            ask_every_process(site, another_visit)
        return site

    return start


def ask_every_process(site: Site, visit: Visit) -> None:
    """Ask until each process has answered, so that each handles the signal that comes next.

    Granian's forget one that comes between their line in the log and their first turn of the loop,
    also without this library, and then live on.
    """
    visit.open()
    target = visit.target(site.pair.host.views[0], "waiting")
    for _ in range(500):
        with site.connect() as connection:
            assert connection.ask(target).status == 200
        if len(visit.processes()) == site.pair.server.processes:
            return
    raise AssertionError(f"only {visit.processes()} answered 500 connections:\n{site.output}")


@pytest.mark.parametrize("kind", ["def", "async"])
@pytest.mark.parametrize("name", ["daphne", *SERVERS_IN_OTHER_WAYS])
def test_running_and_waiting_tasks_are_finished(
    start: Callable[..., Site], visit: Visit, name: str, kind: str
) -> None:
    """At SIGTERM one running and ten waiting tasks end, also if the other workers have none."""
    site = start(name)
    with site.connect() as connection:
        connection.ask(visit.target(site.pair.host.views[0], "length", f"busy_{kind}"))
    task = visit.wait_for("task", "started")
    site.send_sigterm()
    assert all_still_wait([task], IDLE_WORKERS_END_SECONDS), f"cut off:\n{site.output}"
    task.release()
    site.wait_for_exit()
    assert_receipt(site, {"succeeded": 11})


@pytest.mark.parametrize("name", ["daphne", *SERVERS_IN_OTHER_WAYS])
def test_what_does_not_end_is_named(start: Callable[..., Site], visit: Visit, name: str) -> None:
    """Behind `shutdown_timeout` the processes end, and the receipt names each task."""
    site = start(name, shutdown_timeout=0.5)
    with site.connect() as connection:
        connection.ask(visit.target(site.pair.host.views[0], "length", "busy_async"))
    visit.wait_for("task", "started")
    site.send_sigterm()
    site.wait_for_exit()
    assert len(site.receipt["tasks_left_over"]) == 11
    assert_receipt(site, {"left_over": 11})


@pytest.mark.parametrize("name", ["granian-asgi", "granian-without-lifespan"])
def test_tasks_of_a_request_under_way_are_finished(
    start: Callable[..., Site], visit: Visit, name: str
) -> None:
    """A server that waits for a request, not for its tasks, ends when these have ended, too."""
    site = start(name)
    with site.connect() as connection:
        connection.send(visit.target("async", "waiting", "busy_async"))
        view = visit.wait_for("view", "started")
        site.send_sigterm()
        assert all_still_wait([view])
        view.release()
        assert connection.read_response().status == 200
    task = visit.wait_for("task", "started")
    assert all_still_wait([task])
    task.release()
    site.wait_for_exit()
    assert_receipt(site, {"succeeded": 11})
