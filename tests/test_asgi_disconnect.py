"""The ASGI boundary when something fails or leaves: the application, the client, the server."""

from __future__ import annotations

import threading
from contextlib import suppress

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from bgtasks_adapters import add_task, drain, get_background_tasks
from bgtasks_adapters.dispatch import SCOPE_KEY
from bgtasks_adapters.exchanges import Message, Receive, Scope, Send

from .asgi_server import PATIENCE, AsgiExchange, answer, bounded
from .fates import Fates

pytestmark = pytest.mark.anyio


def add_two() -> None:
    """Add a task of the usual kind and one that always runs."""
    tasks = get_background_tasks()
    tasks.using(name="usual").add_task(lambda: None)
    tasks.using(name="always", when="always").add_task(lambda: None)


async def raise_before_the_start(scope: Scope, receive: Receive, send: Send) -> None:
    add_two()
    raise ValueError("broken")


async def raise_behind_the_start(scope: Scope, receive: Receive, send: Send) -> None:
    add_two()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("broken")


@pytest.mark.parametrize("app", [raise_before_the_start, raise_behind_the_start])
async def test_an_application_that_raises_skips_its_tasks(
    app: object,
) -> None:
    """An error before or behind the response's start goes on, and counts as a view that raised."""
    fates = Fates()
    exchange = AsgiExchange(bounded(app, observers=[fates]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="broken"):
        await exchange.run()
    assert fates.of("usual").kind == "skipped"
    assert fates.of("usual").reason == "the view raised ValueError"
    assert fates.of("always").kind == "succeeded"
    outcome = fates.of("always").outcome
    assert outcome is not None
    assert not outcome.disconnected


async def test_an_error_behind_the_last_message_changes_nothing() -> None:
    """An application that raises when its response is complete has returned one: tasks run."""
    fates = Fates()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_two()
        await answer(send)
        raise ValueError("too late")

    with pytest.raises(ValueError, match="too late"):
        await AsgiExchange(bounded(app, observers=[fates])).run()
    assert fates.kinds == ["succeeded", "succeeded"]


async def test_an_application_that_never_answers_skips_its_tasks() -> None:
    """An application that returns without a response has not returned one: tasks are skipped."""
    fates = Fates()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_two()

    await AsgiExchange(bounded(app, observers=[fates])).run()
    assert (fates.of("usual").kind, fates.of("always").kind) == ("skipped", "succeeded")


@pytest.mark.parametrize("failing", ["http.response.start", "http.response.body"])
async def test_an_error_of_send_is_a_disconnect(failing: str) -> None:
    """`send` raising OSError means that the client left: the view had returned, tasks run."""
    fates = Fates()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_two()
        await answer(send)

    def leave(message: Message) -> None:
        if message["type"] == failing:
            raise OSError("the client is gone")

    exchange = AsgiExchange(bounded(app, observers=[fates]))
    exchange.before_send = leave
    with pytest.raises(OSError, match="the client is gone"):
        await exchange.run()
    assert fates.kinds == ["succeeded", "succeeded"]
    assert fates.events[0].outcome == (True, 200, None, True)


async def test_an_application_that_survives_a_failing_send_runs_its_tasks() -> None:
    """An application that catches the error of `send` and returns: tasks run, disconnected."""
    fates = Fates()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_two()
        with pytest.raises(OSError, match="gone"):
            await answer(send)

    def leave(message: Message) -> None:
        raise OSError("gone")

    exchange = AsgiExchange(bounded(app, observers=[fates]))
    exchange.before_send = leave
    await exchange.run()
    assert fates.kinds == ["succeeded", "succeeded"]
    assert fates.events[0].outcome == (True, 200, None, True)


@pytest.mark.parametrize("has_started", [False, True])
async def test_a_cancelled_request(has_started: bool) -> None:
    """Cancelled before the start the view did not return; behind it, the client left."""
    fates = Fates()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_two()
        if has_started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        cancel_scope.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as cancel_scope:
        await AsgiExchange(bounded(app, observers=[fates])).run()
    assert cancel_scope.cancelled_caught
    usual = fates.of("usual")
    assert usual.kind == ("succeeded" if has_started else "skipped")
    assert fates.of("always").kind == "succeeded"
    assert usual.outcome is not None
    assert usual.outcome.disconnected
    if not has_started:
        assert usual.reason == "the client left before the view had returned"


async def test_a_cancellation_does_not_reach_the_tasks() -> None:
    """A request cancelled while its task runs: the task goes on, shielded, to its end."""
    fates = Fates()
    started, release = anyio.Event(), anyio.Event()

    async def wait() -> None:
        started.set()
        await release.wait()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_task(wait)
        await answer(send)
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(AsgiExchange(bounded(app, observers=[fates])).run)
        await started.wait()
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
            assert fates.kinds == []
            release.set()
    assert fates.kinds == ["succeeded"]


async def test_tasks_wait_for_a_def_view_that_outlives_its_request() -> None:
    """A def view that runs on behind a cancelled request: its tasks run when it has ended."""
    fates = Fates()
    started, release = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = scope[SCOPE_KEY]

        def view() -> None:
            with response.view():
                add_task(lambda: None)
                started.set()
                assert release.wait(PATIENCE)
                add_task(lambda: None)

        await anyio.to_thread.run_sync(view, abandon_on_cancel=True)

    async with anyio.create_task_group() as group:
        group.start_soon(AsgiExchange(bounded(app, observers=[fates])).run)
        assert await anyio.to_thread.run_sync(started.wait, PATIENCE)
        group.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(drain, PATIENCE)
    assert fates.kinds == []
    release.set()
    # The view's thread dispatches; a thread of the same pool that comes back tells it has ended.
    with anyio.fail_after(PATIENCE):
        while len(fates.kinds) < 2:
            await anyio.to_thread.run_sync(drain, PATIENCE)
    assert fates.kinds == ["succeeded", "succeeded"]


class Websocket(AsgiExchange):
    """A websocket that its client opens and then, after some messages, leaves."""

    def __init__(self, app: object, *messages: Message) -> None:
        super().__init__(bounded(app, observers=[fates := Fates()]), "websocket")  # type: ignore[arg-type]
        self.fates = fates
        self.to_receive = [{"type": "websocket.connect"}, *messages]


TEXT: Message = {"type": "websocket.receive", "text": "hello"}
LEAVE: Message = {"type": "websocket.disconnect", "code": 1001}


async def talk_until_the_client_leaves(scope: Scope, receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    add_task(lambda: None)
    while (await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": "hello"})


async def close_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    add_task(lambda: None)
    await send({"type": "websocket.close"})


async def raise_when_the_client_has_left(scope: Scope, receive: Receive, send: Send) -> None:
    await talk_until_the_client_leaves(scope, receive, send)
    raise RuntimeError("WebSocketDisconnect")


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    add_task(lambda: None)
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        (talk_until_the_client_leaves, "succeeded"),
        (close_at_once, "succeeded"),
        (raise_when_the_client_has_left, "succeeded"),
        (fail, "skipped"),
    ],
)
async def test_a_websocket_s_tasks_run_at_its_end(app: object, kind: str) -> None:
    """A websocket that ends, whoever ended it, runs its tasks; one whose view failed skips them."""
    websocket = Websocket(app, TEXT, TEXT, LEAVE)
    with suppress(RuntimeError):
        await websocket.run()
    assert websocket.fates.kinds == [kind]


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.close", "code": 1000}], 403),
        (
            [
                {"type": "websocket.http.response.start", "status": 404, "headers": []},
                {"type": "websocket.http.response.body", "body": b"unknown"},
            ],
            404,
        ),
    ],
    ids=["closed", "answered"],
)
async def test_a_websocket_that_is_refused(messages: list[Message], status: int) -> None:
    """One that is refused instead of accepted has the status that its client gets."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        add_task(print)
        for message in messages:
            await send(message)

    websocket = Websocket(app)
    await websocket.run()
    outcome = websocket.fates.events[0].outcome
    assert outcome is not None
    assert (outcome.status, outcome.disconnected) == (status, False)


@pytest.mark.parametrize("how", ["leaves", "is found gone"])
async def test_the_view_of_a_websocket_whose_client_left(how: str) -> None:
    """The scope tells who watches the view that the client has left, so that it may end anyhow."""
    seen: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = scope[SCOPE_KEY]
        try:
            await talk_until_the_client_leaves(scope, receive, send)
        finally:
            seen.append(response.is_client_gone)

    websocket = Websocket(app, TEXT, *([LEAVE] if how == "leaves" else []))
    if how == "leaves":
        await websocket.run()
    else:
        websocket.before_send = _fail_to_send
        with pytest.raises(OSError, match="gone"):
            await websocket.run()
    assert seen == [True]


def _fail_to_send(message: Message) -> None:
    if message["type"] == "websocket.send":
        raise OSError("gone")


async def test_no_task_of_a_websocket_starts_while_it_is_open() -> None:
    """As long as a websocket is open its tasks wait."""
    ran = threading.Event()
    seen: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        add_task(ran.set)
        await send({"type": "websocket.send", "text": "hello"})
        seen.append(await anyio.to_thread.run_sync(drain, PATIENCE))
        seen.append(ran.is_set())
        await receive()

    await Websocket(app, LEAVE).run()
    assert seen == [True, False]
    assert ran.is_set()


async def test_a_websocket_whose_send_fails_runs_its_tasks() -> None:
    """`send` raising OSError in an open websocket means that the client left: its tasks run."""
    websocket = Websocket(talk_until_the_client_leaves, TEXT)

    def leave(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise OSError("the client is gone")

    websocket.before_send = leave
    with pytest.raises(OSError, match="the client is gone"):
        await websocket.run()
    assert websocket.fates.kinds == ["succeeded"]
    outcome = websocket.fates.events[0].outcome
    assert outcome is not None
    assert outcome.disconnected


async def test_an_open_websocket_that_is_cancelled_runs_its_tasks() -> None:
    """A websocket that is cancelled once it was accepted has lost its client: its tasks run."""
    websocket = Websocket(talk_until_the_client_leaves)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(websocket.run)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert websocket.fates.kinds == ["succeeded"]
