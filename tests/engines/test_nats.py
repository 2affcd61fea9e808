"""Taskiq with NATS JetStream, whose client lives on one loop: that of an ASGI server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import anyio
import pytest

from bgtasks_adapters import add_task
from bgtasks_adapters.handoff import Handoff
from tests.asgi_server import AsgiExchange, app_of, bounded
from tests.engines.conftest import ENGINE, Listener, Site, Worker
from tests.engines.noted import note, stay
from tests.fates import Fates

pytestmark = pytest.mark.skipif(ENGINE != "taskiq", reason="NATS is a broker of Taskiq only")


@pytest.fixture(scope="module")
def nats(sites: Callable[[str, str], Site]) -> Site:
    return sites("taskiq_nats", "nats")


@pytest.fixture(scope="module")
def nats_worker(nats: Site) -> Iterator[Worker]:
    worker = Worker(nats.module.WORKER)
    yield worker
    worker.kill()


def test_round_trip_and_restart(nats: Site, nats_worker: Worker, listener: Listener) -> None:
    """Each runs once, with its arguments, also the one behind a restart of the broker."""
    server = nats.server
    assert server is not None

    async def respond() -> list[object]:
        heard = []
        async with _started(nats):
            for word in ("before", "after", "later"):
                await _send(nats, note, word)
                heard.append(await anyio.to_thread.run_sync(listener.hear))
                if word == "before":
                    await anyio.to_thread.run_sync(server.restart)
        return [each["args"] for each in heard]

    assert anyio.run(respond) == [["before"], ["after"], ["later"]]
    assert not nats_worker.has_ended


def test_nobody_waits_for_a_silent_broker(
    nats: Site, nats_worker: Worker, listener: Listener
) -> None:
    """The task is given up in time, beside a loop that goes on; it may run when NATS is back."""
    server = nats.server
    assert server is not None
    fates = Fates()
    app = bounded(
        app_of(lambda: add_task(note, "silent")),
        observers=[fates],
        handoff=Handoff(nats.module.task, timeout=1),
    )

    async def respond() -> list[str]:
        async with _started(nats):
            await _send(nats, note, "before")
            with server.halted():
                exchange = AsgiExchange(app)
                await exchange.run()
                return exchange.kinds

    assert anyio.run(respond)[-1] == "http.response.body"
    assert [type(event.error).__name__ for event in fates.events] == ["HandoffError"]
    assert [listener.hear()["args"] for _ in range(2)] == [["before"], ["silent"]]
    assert not nats_worker.has_ended


def test_a_worker_that_is_killed(nats: Site, nats_worker: Worker, listener: Listener) -> None:
    """Its task is given to the new one, when the time for its acknowledgement is over."""

    async def respond() -> None:
        async with _started(nats):
            await _send(nats, stay, "first")

    anyio.run(respond)
    assert listener.hear(hold=True)["args"] == ["first"]
    nats_worker.kill()
    nats_worker.start()
    assert listener.hear()["args"] == ["first"]


def test_a_task_that_takes_longer(nats: Site, nats_worker: Worker, listener: Listener) -> None:
    """It is begun a second time beside the first run, for nobody says that it is worked on."""

    async def respond() -> None:
        async with _started(nats):
            await _send(nats, stay, "long")

    anyio.run(respond)
    begun = [listener.hear(hold=True) for _ in range(2)]
    assert [each["args"] for each in begun] == [["long"], ["long"]]
    assert begun[0]["pid"] == begun[1]["pid"]
    listener.release()


@asynccontextmanager
async def _started(site: Site) -> AsyncIterator[None]:
    await site.module.broker.startup()
    yield
    await site.module.broker.shutdown()


async def _send(site: Site, function: Callable[[str], None], word: str) -> None:
    fates = Fates()
    app = app_of(lambda: add_task(function, word))
    handoff = Handoff(site.module.task, timeout=30)
    await AsgiExchange(bounded(app, observers=[fates], handoff=handoff)).run()
    assert fates.kinds == ["handed_off"]
