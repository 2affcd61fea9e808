"""The ASGI boundary: when a response is over, and on which loop its tasks run."""

from __future__ import annotations

import logging
import threading
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from bgtasks_adapters import TaskEvent, add_task, drain, get_background_tasks
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.exceptions import NoActiveResponseError
from bgtasks_adapters.exchanges import Message, Receive, Scope, Send

from .asgi_server import PATIENCE, AsgiExchange, answer, app_of, bounded, respond
from .fates import Fates

pytestmark = pytest.mark.anyio

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
TRAILED_START: Message = {**START, "trailers": True}


def body(text: bytes, **more: Any) -> Message:
    return {"type": "http.response.body", "body": text, **more}


ENDINGS: dict[str, list[Message]] = {
    "one body": [START, body(b"x")],
    "an empty body": [START, {"type": "http.response.body"}],
    "several bodies": [START, body(b"x", more_body=True), body(b"y", more_body=True), body(b"")],
    "pathsend": [START, {"type": "http.response.pathsend", "path": "/file"}],
    "zerocopysend": [
        START,
        {"type": "http.response.zerocopysend", "file": 3, "more_body": True},
        {"type": "http.response.zerocopysend", "file": 3},
    ],
    "trailers": [
        TRAILED_START,
        body(b"x"),
        {"type": "http.response.trailers", "headers": [], "more_trailers": True},
        {"type": "http.response.trailers", "headers": []},
    ],
    "pathsend with trailers": [
        TRAILED_START,
        {"type": "http.response.pathsend", "path": "/file"},
        {"type": "http.response.trailers", "headers": []},
    ],
    "an early hint": [{"type": "http.response.early_hint", "links": []}, START, body(b"x")],
}


@pytest.mark.parametrize("messages", ENDINGS.values(), ids=ENDINGS.keys())
async def test_tasks_start_behind_the_last_message(messages: list[Message]) -> None:
    """A task starts when the last message of its response was sent, of whatever kind, not before.

    The application returns only when its task has run: it does not wait for the application.
    """
    ran = threading.Event()
    has_run_at: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_task(ran.set)
        for message in messages:
            assert await anyio.to_thread.run_sync(drain, PATIENCE)  # what started early has run
            has_run_at.append(ran.is_set())
            await send(message)
        assert await anyio.to_thread.run_sync(ran.wait, PATIENCE)

    fates = Fates()
    exchange = await AsgiExchange(bounded(app, observers=[fates])).run()
    assert exchange.sent == messages
    assert has_run_at == [False] * len(messages)
    outcome = fates.events[0].outcome
    assert outcome is not None
    assert outcome == (True, 200, None, False)


async def test_async_tasks_run_on_the_server_s_loop_and_def_tasks_beside_it() -> None:
    """Async tasks run on the loop that serves the request, def tasks on workers of our own."""
    seen: dict[str, object] = {}

    async def anote() -> None:
        await anyio.lowlevel.checkpoint()
        seen["async"] = (threading.get_ident(), anyio.lowlevel.current_token().native_token)

    def note() -> None:
        seen["def"] = threading.current_thread().name

    await respond(lambda: [add_task(anote), add_task(note)])
    loop = anyio.lowlevel.current_token().native_token
    assert seen == {"async": (threading.get_ident(), loop), "def": "bgtasks-worker"}


async def test_tasks_run_in_order_and_isolated() -> None:
    """Def and async tasks run first in, first out, and a failure stops none behind it."""
    log, fates = list[int](), Fates()

    async def anote(number: int) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(number)

    async def fail(number: int) -> None:
        log.append(number)
        raise ValueError("broken")

    def view() -> None:
        for number in range(12):
            add_task((log.append, anote, fail)[number // 2 % 3], number)

    await respond(view, observers=[fates])
    assert log == list(range(12))
    assert fates.kinds.count("failed") == 4


class UnusualError(BaseException):
    """An error that `except Exception` does not catch."""


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, UnusualError])
@pytest.mark.parametrize("is_async", [True, False])
async def test_what_a_task_raises_never_reaches_the_loop(
    kind: type[BaseException], is_async: bool
) -> None:
    """SystemExit and its like in a task are failures; the loop goes on, with the next task."""
    fates = Fates()

    def raise_it() -> None:
        raise kind

    async def araise_it() -> None:
        raise kind

    async def work() -> None: ...

    await respond(
        lambda: [add_task(araise_it if is_async else raise_it), add_task(work)], observers=[fates]
    )
    assert fates.kinds == ["failed", "succeeded"]


async def test_nested_adds_cross_between_threads_and_the_loop() -> None:
    """A def task adds an async one, which adds a def one: all run, in order."""
    log: list[str] = []

    async def second() -> None:
        log.append("async")
        add_task(log.append, "last def")

    def first() -> None:
        log.append("def")
        add_task(second)

    await respond(lambda: add_task(first))
    assert log == ["def", "async", "last def"]


@pytest.mark.parametrize("executor", ["threads", "inline"])
async def test_a_task_added_behind_the_last_message_runs(executor: str) -> None:
    """What is added between the last message and the application's end runs within the request."""
    log: list[str] = []

    async def anote(text: str) -> None:
        log.append(text)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send)
        add_task(log.append, "late def")
        add_task(anote, "late async")

    await AsgiExchange(bounded(app, executor=executor)).run()
    assert log == ["late def", "late async"]


async def test_executor_inline_awaits_tasks_before_the_app_returns() -> None:
    """With `executor="inline"` tasks run within the request, def ones on anyio's threads."""
    log: list[str] = []

    def note() -> None:
        log.append(anyio.from_thread.run_sync(lambda: "def on an anyio thread"))

    async def anote() -> None:
        log.append("async")

    exchange = AsgiExchange(
        bounded(app_of(lambda: [add_task(note), add_task(anote)]), executor="inline")
    )
    exchange.before_send = lambda message: log.append(message["type"])
    await exchange.run()
    assert log[2:] == ["def on an anyio thread", "async"]


async def test_a_timeout_holds_on_the_server_s_loop() -> None:
    """An async task that outlives its timeout on the server's loop is `timed_out`."""
    fates = Fates()
    await respond(
        lambda: get_background_tasks().using(timeout=0.01).add_task(anyio.sleep_forever),
        observers=[fates],
    )
    assert fates.kinds == ["timed_out"]


async def test_nothing_is_current_outside_of_the_application() -> None:
    """A middleware around the boundary has no collection, before and behind the response."""
    await respond(lambda: add_task(lambda: None))
    with pytest.raises(NoActiveResponseError):
        get_background_tasks()


@pytest.mark.parametrize("status", [204, 302, 304, 404, 500])
async def test_a_status_speaks_for_a_view_that_nobody_saw(status: int) -> None:
    """On a bare application a status of 400 or more counts as a view that raised."""
    fates = Fates()
    await respond(lambda: add_task(lambda: None), status, observers=[fates])
    assert fates.kinds == ["succeeded" if status < 400 else "skipped"]


async def test_other_scopes_pass_through() -> None:
    """A scope of an unknown type reaches the application untouched, with no collection."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        with pytest.raises(NoActiveResponseError):
            get_background_tasks()

    exchange = AsgiExchange(bounded(app), "mqtt")
    await exchange.run()
    assert seen[0] is exchange.scope


async def test_the_server_s_scope_is_left_alone() -> None:
    """The boundary adds nothing to the scope object of the server."""
    exchange = AsgiExchange(bounded(app_of(lambda: None)))
    before = dict(exchange.scope)
    await exchange.run()
    assert exchange.scope == before


async def test_a_mounted_application_shares_the_response() -> None:
    """A boundary around a mounted Starlette application finds the outer one's collection."""
    outer, inner = Fates(), Fates()
    collections: list[Any] = []

    async def page(request: Request) -> PlainTextResponse:
        collections.append(get_background_tasks())
        add_task(lambda: None)
        return PlainTextResponse("hello")

    mounted = bounded(Starlette(routes=[Route("/page", page)]), observers=[inner])

    async def note_and_mounted(scope: Scope, receive: Receive, send: Send) -> None:
        collections.append(get_background_tasks())
        await mounted(scope, receive, send)

    site = bounded(Starlette(routes=[Mount("/sub", app=note_and_mounted)]), observers=[outer])
    exchange = await AsgiExchange(site, path="/sub/page", raw_path=b"/sub/page").run()
    assert exchange.sent[0]["status"] == 200
    assert collections[0] is collections[1]
    assert (outer.kinds, inner.kinds) == (["succeeded"], [])


async def test_def_views_of_a_framework_add_tasks() -> None:
    """A def view, which Starlette runs on a thread of its own, adds tasks of either kind."""
    log: list[str] = []

    async def anote(text: str) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(text)

    def page(request: Request) -> PlainTextResponse:
        add_task(log.append, "def")
        add_task(anote, "async")
        return PlainTextResponse("hello")

    site = bounded(Starlette(routes=[Route("/", page)]))
    assert (await AsgiExchange(site).run()).sent[0]["status"] == 200
    assert log == ["def", "async"]


async def test_two_requests_at_a_time_keep_their_tasks_apart() -> None:
    """Concurrent requests of one application each run their own tasks, with their own outcome."""
    events: list[TaskEvent] = []
    both_are_there = anyio.Event()
    came: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        came.append(scope["path"])
        if len(came) == 2:
            both_are_there.set()
        await both_are_there.wait()
        get_background_tasks().using(name=scope["path"]).add_task(lambda: None)
        await answer(send, 200 if scope["path"] == "/good" else 500)

    site = bounded(app, observers=[events.append])
    async with anyio.create_task_group() as group:
        group.start_soon(AsgiExchange(site, path="/good").run)
        group.start_soon(AsgiExchange(site, path="/bad").run)
    assert {event.task.name: event.kind for event in events} == {
        "/good": "succeeded",
        "/bad": "skipped",
    }


async def test_the_middleware_takes_settings_as_keywords(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Settings are keywords, and Starlette's own `add_middleware` passes them on."""
    caplog.set_level(logging.DEBUG, "bgtasks_adapters")
    fates = Fates()

    async def page(request: Request) -> PlainTextResponse:
        add_task(lambda: None)
        return PlainTextResponse("gone", status_code=410)

    site = Starlette(routes=[Route("/", page)])
    middleware: Any = BackgroundTasksMiddleware  # Starlette types a scope otherwise than uvicorn
    site.add_middleware(middleware, observers=[fates], when="always", handle_sigterm=False)
    await AsgiExchange(site).run()
    assert fates.kinds == ["succeeded"]


async def test_a_collection_that_the_framework_awaits_too() -> None:
    """Tasks of a response run once, also where a framework was given its collection to await."""
    ran: list[str] = []
    release = threading.Event()

    def work(name: str) -> None:
        ran.append(name)
        assert release.wait(PATIENCE)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_task(work, "first")
        add_task(ran.append, "second")
        tasks = get_background_tasks()
        await answer(send)
        await tasks()
        release.set()

    await AsgiExchange(bounded(app)).run()
    assert ran == ["first", "second"]
