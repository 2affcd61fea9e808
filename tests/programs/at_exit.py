"""Programs whose main thread ends while tasks wait, run, or were never dispatched."""

from __future__ import annotations

import asyncio
import atexit
import threading
from typing import Any

from bgtasks_adapters import add_task, drain, get_background_tasks, task_scope
from bgtasks_adapters.exchanges import Receive, Scope, Send
from tests import asgi_server
from tests.asgi_server import lifespan_of
from tests.programs import FOR_EVER, log_everything, say
from tests.wsgi_server import WsgiExchange, app_of, bounded

LONG = 20.0
_under_way: list[WsgiExchange] = []


def _serve(view: Any, **settings: Any) -> None:
    log_everything()
    WsgiExchange(bounded(app_of(view), **settings)).run()


def _wait_for_the_main_thread(text: str) -> None:
    threading.main_thread().join(LONG)
    say("behind the main thread:", text)


async def _asay(text: str) -> None:
    await asyncio.sleep(0)
    say(text)


def finish(receipt: str) -> None:
    """End while tasks run and wait, which then end in time."""

    def view() -> None:
        add_task(_wait_for_the_main_thread, "def")
        add_task(_asay, "async")
        add_task(say, "last")

    _serve(view, receipt=receipt)


def _block_for_ever() -> None:
    threading.Event().wait(FOR_EVER)


async def _await_for_ever() -> None:
    await asyncio.Event().wait()


def hang(kind: str, receipt: str) -> None:
    """End while a task runs that does not end, one waits behind it, and one has succeeded."""

    def view() -> None:
        using = get_background_tasks().using
        using(name="the one before").add_task(say, "before")
        using(name="the one that hangs").add_task(
            _block_for_ever if kind == "def" else _await_for_ever
        )
        using(name="the one behind").add_task(say, "must not run")

    _serve(view, receipt=receipt, shutdown_timeout=0.3)


def use_threads() -> None:
    """End while an async task waits that then uses its loop's threads, as name look-ups do."""

    async def use_a_thread() -> None:
        say(await asyncio.to_thread(lambda: "on a thread"))

    def view() -> None:
        add_task(_wait_for_the_main_thread, "def")
        add_task(use_a_thread)

    _serve(view)


def have_no_tasks(receipt: str) -> None:
    """Serve a response behind which nothing runs."""
    _serve(lambda: None, receipt=receipt)


def shut_a_lifespan_down() -> None:
    """Serve nothing, from the startup of an ASGI lifespan to its shutdown."""
    log_everything()

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError(scope["type"])

    async def serve() -> None:
        async with lifespan_of(asgi_server.bounded(refuse)) as lifespan:
            await lifespan.start_up()
            await lifespan.shut_down()
            say(*lifespan.sent)

    asyncio.run(serve())


def die_before_the_response_is_complete(receipt: str) -> None:
    """End with a response under way whose body was not closed."""
    log_everything()
    app = bounded(app_of(lambda: add_task(say, "must not run")), receipt=receipt)
    _under_way.append(WsgiExchange(app).call())


def die_in_a_second_response(receipt: str) -> None:
    """The same, in a process that has run a task before."""
    _serve(lambda: add_task(say, "first"), receipt=receipt)
    die_before_the_response_is_complete(receipt)


def run_tasks_at_exit() -> None:
    """Use tasks in an atexit handler, when all threads that are waited for have ended."""
    log_everything()

    def leave() -> None:
        with task_scope():
            add_task(say, "def task of a scope")
            add_task(_asay, "async task of a scope")
        WsgiExchange(bounded(app_of(lambda: add_task(say, "task of a response")))).run()
        say("drained", drain(LONG))

    atexit.register(leave)


def write_no_receipt(receipt: str) -> None:
    """Have a receipt that cannot be written."""
    _serve(lambda: add_task(say, "ran"), receipt=receipt)


def use_two_boundaries(first: str, second: str) -> None:
    """Run tasks under two settings, each with a receipt of its own."""
    _serve(lambda: add_task(say, "ran"), receipt=first)
    _serve(lambda: add_task(say, "ran"), receipt=second)


def raise_in_main(receipt: str) -> None:
    """End the main thread with an error while a task runs."""
    _serve(lambda: add_task(_wait_for_the_main_thread, "def"), receipt=receipt)
    raise ValueError("the main thread fails")
