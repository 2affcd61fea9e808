"""Programs whose main thread runs an event loop when SIGTERM comes, or has left one behind."""

from __future__ import annotations

import asyncio
import sys
import threading

import anyio
import anyio.lowlevel

from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.exchanges import Receive, Scope, Send
from tests.asgi_server import AsgiExchange, Lifespan, answer, lifespan_of
from tests.programs import FOR_EVER, log_everything, say


async def _finish_when_told() -> None:
    await anyio.wait_readable(sys.stdin.fileno())
    await anyio.lowlevel.checkpoint()
    say("finished on", threading.current_thread().name)


async def _close_at_shutdown(receive: Receive, send: Send) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        if phase == "shutdown":
            say(phase)
        await send({"type": f"lifespan.{phase}.complete"})


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _close_at_shutdown(receive, send)
    else:
        add_task(_finish_when_told)
        add_task(say, "the one behind")
        await answer(send)


async def _serve(lifespan: Lifespan, app: BackgroundTasksMiddleware) -> None:
    await lifespan.start_up()
    await AsgiExchange(app).run()
    await anyio.wait_all_tasks_blocked()


def serve_for_ever(backend: str) -> None:
    """Run a task on the loop of a server that has no handler of SIGTERM."""
    log_everything()
    app = BackgroundTasksMiddleware(_app)

    async def serve() -> None:
        async with lifespan_of(app) as lifespan:
            await _serve(lifespan, app)
            say("started")
            await anyio.sleep(FOR_EVER)

    anyio.run(serve, backend=backend)
    say("went on")


def serve_nothing(backend: str) -> None:
    """Have a loop run with nothing pending, in a process that would wait for ever for a run."""
    app = BackgroundTasksMiddleware(_app)

    async def serve() -> None:
        async with lifespan_of(app):
            say("started")
            await anyio.sleep(FOR_EVER)

    anyio.run(serve, backend=backend)


def shut_down(backend: str) -> None:
    """Run a task that the server's lifespan shutdown, begun before SIGTERM, waits for."""
    log_everything()
    app = BackgroundTasksMiddleware(_app)

    async def serve() -> None:
        async with lifespan_of(app) as lifespan:
            await _serve(lifespan, app)
            async with anyio.create_task_group() as group:
                group.start_soon(lifespan.shut_down)
                await anyio.wait_all_tasks_blocked()
                say("started")

    anyio.run(serve, backend=backend)
    say("went on")


def leave_the_loop_open() -> None:
    """End with a loop that was stopped, not closed, and a task that waits on it."""
    log_everything()
    loop = asyncio.new_event_loop()
    has_started, main_thread_ended = asyncio.Event(), asyncio.Event()

    def watch() -> None:
        threading.main_thread().join(FOR_EVER)
        loop.call_soon_threadsafe(main_thread_ended.set)

    async def wait() -> None:
        has_started.set()
        await main_thread_ended.wait()
        say("finished on the loop of the server", asyncio.get_running_loop() is loop)
        await asyncio.to_thread(say, "on a thread")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_task(wait)
        add_task(_say_loop, loop)
        await answer(send)

    async def serve() -> None:
        request = asyncio.ensure_future(AsgiExchange(BackgroundTasksMiddleware(app)).run())
        _kept.append(request)
        await has_started.wait()

    threading.Thread(target=watch, daemon=True).start()
    loop.run_until_complete(serve())


async def _say_loop(loop: asyncio.AbstractEventLoop) -> None:
    say("the one behind", asyncio.get_running_loop() is loop)


_kept: list[asyncio.Future[AsgiExchange]] = []
