"""The ASGI boundary and lifespan: who answers it, and the drain in its shutdown."""

from __future__ import annotations

import logging
import threading

import anyio
import anyio.to_thread
import pytest

from bgtasks_adapters import add_task, drain
from bgtasks_adapters.exchanges import ASGIApp, Receive, Scope, Send

from .asgi_server import PATIENCE, AsgiExchange, Lifespan, answer, bounded, lifespan_of
from .fates import Fates

pytestmark = pytest.mark.anyio

COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def has_lifespan(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{phase}"
        await send({"type": f"lifespan.{phase}.complete"})


async def refuses_lifespan(receive: Receive, send: Send) -> None:
    raise ValueError("this application can only handle HTTP, as Django says")


async def refuses_what_it_received(receive: Receive, send: Send) -> None:
    raise ValueError((await receive())["type"])


async def ignores_lifespan(receive: Receive, send: Send) -> None:
    return


async def leaves_behind_startup(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


LIFESPANS = [
    has_lifespan,
    refuses_lifespan,
    refuses_what_it_received,
    ignores_lifespan,
    leaves_behind_startup,
]


def site(lifespan: object, task: object, **settings: object) -> ASGIApp:
    """Return an application with this lifespan, whose every response adds this task."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)  # type: ignore[operator]
        else:
            add_task(task)  # type: ignore[arg-type]
            await answer(send)

    return bounded(app, **settings)


class Held:
    """A task that starts, and ends when the test releases it."""

    def __init__(self) -> None:
        self.started, self.may_end = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.started.set()
        assert self.may_end.wait(PATIENCE)

    async def until_started(self) -> None:
        assert await anyio.to_thread.run_sync(self.started.wait, PATIENCE)


async def see_the_shutdown_wait(lifespan: Lifespan) -> None:
    """Return when everything on this loop waits; fail if the shutdown was answered by then."""
    await anyio.wait_all_tasks_blocked()
    assert lifespan.sent == COMPLETE[:1], "the shutdown did not wait"


@pytest.mark.parametrize("lifespan_app", LIFESPANS)
async def test_shutdown_waits_for_tasks(lifespan_app: object) -> None:
    """Whatever the application makes of lifespan, startup is answered and shutdown drains.

    The request itself does not wait for its task then.
    """
    held, fates = Held(), Fates()
    app = site(lifespan_app, held.wait, observers=[fates])
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        await AsgiExchange(app).run()
        await held.until_started()
        async with anyio.create_task_group() as group:
            group.start_soon(lifespan.shut_down)
            await see_the_shutdown_wait(lifespan)
            held.may_end.set()
        assert lifespan.sent == COMPLETE
        assert fates.kinds == ["succeeded"]
        with anyio.fail_after(PATIENCE):
            await lifespan.has_ended.wait()
    assert lifespan.error is None


async def test_async_tasks_are_drained_on_the_server_s_loop() -> None:
    """Shutdown waits for an async task, which ends on the loop that is about to end."""
    started, may_end = anyio.Event(), anyio.Event()
    fates = Fates()

    async def wait() -> None:
        started.set()
        await may_end.wait()

    app = site(ignores_lifespan, wait, observers=[fates])
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        await AsgiExchange(app).run()
        await started.wait()
        async with anyio.create_task_group() as group:
            group.start_soon(lifespan.shut_down)
            await see_the_shutdown_wait(lifespan)
            may_end.set()
    assert lifespan.sent == COMPLETE
    assert fates.kinds == ["succeeded"]


async def test_the_application_shuts_down_behind_the_drain() -> None:
    """The application is told of the shutdown when its tasks have ended: they may need it."""
    held, fates = Held(), Fates()
    seen: list[list[str]] = []

    async def note_at_shutdown(receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        seen.append(fates.kinds)
        await send({"type": "lifespan.shutdown.complete"})

    app = site(note_at_shutdown, held.wait, observers=[fates])
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        await AsgiExchange(app).run()
        held.may_end.set()
        await lifespan.shut_down()
    assert seen == [["succeeded"]]


async def test_the_drain_has_a_deadline(caplog: pytest.LogCaptureFixture) -> None:
    """Behind `shutdown_timeout` shutdown goes on; what has not ended is left over, by name."""
    caplog.set_level(logging.DEBUG, "bgtasks_adapters")
    held, fates = Held(), Fates()
    app = site(ignores_lifespan, held.wait, observers=[fates], shutdown_timeout=0.05)
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        await AsgiExchange(app).run()
        await held.until_started()
        await lifespan.shut_down()
        assert lifespan.sent == COMPLETE
    assert fates.kinds == ["left_over"]
    assert "0.05 s" in str(fates.events[0].reason)
    (record,) = [r for r in caplog.records if "was left over" in r.message]
    assert record.levelno == logging.ERROR
    (receipt,) = [r for r in caplog.records if r.message.startswith("Receipt of process")]
    assert "Held.wait" in receipt.message
    held.may_end.set()
    assert await anyio.to_thread.run_sync(drain, PATIENCE)
    assert fates.kinds == ["left_over"]


async def test_shutdown_writes_the_receipt(caplog: pytest.LogCaptureFixture) -> None:
    """The receipt is logged at the end of the drain, once, and only if there was a task since."""
    caplog.set_level(logging.DEBUG, "bgtasks_adapters")
    app = site(ignores_lifespan, lambda: None)

    def receipts() -> int:
        return len([r for r in caplog.records if r.message.startswith("Receipt of process")])

    for with_task, expected in ((True, 1), (False, 1), (True, 2)):
        async with lifespan_of(app) as lifespan:
            await lifespan.start_up()
            if with_task:
                await AsgiExchange(app).run()
            await lifespan.shut_down()
        assert receipts() == expected


async def test_a_failed_startup_passes_through() -> None:
    """An application whose startup failed says so itself, and nothing is added."""

    async def fails(receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    app = site(fails, lambda: None)
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        with anyio.fail_after(PATIENCE):
            await lifespan.has_ended.wait()
    assert lifespan.sent == ["lifespan.startup.failed"]
    assert lifespan.error is None


async def breaks_behind_startup(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    raise ValueError("broken behind startup")


async def test_an_error_behind_the_startup_goes_on() -> None:
    """An error of an application that had answered is no refusal: it reaches the server."""
    app = site(breaks_behind_startup, lambda: None)
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        with anyio.fail_after(PATIENCE):
            await lifespan.has_ended.wait()
    assert str(lifespan.error) == "broken behind startup"


@pytest.mark.parametrize("has_broken_lifespan", [False, True])
async def test_a_request_without_a_lifespan_around_waits(has_broken_lifespan: bool) -> None:
    """Where no lifespan will drain, none begun or a broken one, the request waits for its task."""
    held, fates = Held(), Fates()
    app = site(breaks_behind_startup, held.wait, observers=[fates])
    if has_broken_lifespan:
        async with lifespan_of(app) as lifespan:
            await lifespan.start_up()
            with anyio.fail_after(PATIENCE):
                await lifespan.has_ended.wait()
    exchange = AsgiExchange(app)
    returned, waited = anyio.Event(), list[bool]()

    async def serve() -> None:
        await exchange.run()
        returned.set()

    async with anyio.create_task_group() as group:
        group.start_soon(serve)
        await held.until_started()
        await anyio.wait_all_tasks_blocked()
        assert exchange.kinds == ["http.response.start", "http.response.body"]
        waited.append(not returned.is_set())
        held.may_end.set()
    assert await anyio.to_thread.run_sync(drain, PATIENCE)
    assert waited == [True]
    assert fates.kinds == ["succeeded"]


async def test_a_request_that_outlives_the_drain_waits_by_itself() -> None:
    """A request still being made when shutdown drains waits for its own tasks, from then on."""
    held, fates = Held(), Fates()
    may_answer, returned, may_close = anyio.Event(), anyio.Event(), anyio.Event()

    async def close_slowly(receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        may_answer.set()
        await may_close.wait()
        await send({"type": "lifespan.shutdown.complete"})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await close_slowly(receive, send)
        else:
            add_task(held.wait)
            await may_answer.wait()
            await answer(send)

    served = bounded(app, observers=[fates])

    async def serve() -> None:
        await AsgiExchange(served).run()
        returned.set()

    async with lifespan_of(served) as lifespan, anyio.create_task_group() as group:
        await lifespan.start_up()
        group.start_soon(serve)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(lifespan.shut_down)
        await held.until_started()
        await anyio.wait_all_tasks_blocked()
        assert not returned.is_set()
        held.may_end.set()
        await returned.wait()
        may_close.set()
    assert fates.kinds == ["succeeded"]
