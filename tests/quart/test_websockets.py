"""Tasks of a websocket: they run when its connection has ended, however that was."""

from __future__ import annotations

import asyncio

import pytest
from quart import abort, g, websocket
from quart.testing import WebsocketResponseError

from bgtasks_adapters import BackgroundTasks, add_task, task_scope
from bgtasks_adapters.quart import with_background_tasks
from tests.quart.site import Site, wait_for_tasks

pytestmark = pytest.mark.anyio


def add_endpoint(site: Site) -> asyncio.Event:
    """Add a view that returns or raises at the first message; return what it sets at its end."""
    has_ended = asyncio.Event()

    @site.app.websocket("/<how>")
    @with_background_tasks
    async def endpoint(how: str, tasks: BackgroundTasks) -> None:
        g.owner = "endpoint"
        await websocket.accept()
        add_task(site.do_in_context, "task")
        await websocket.send("added")
        message = await websocket.receive()
        tasks.add_task(site.do, str(message))
        has_ended.set()
        if how == "raise":
            raise LookupError(how)

    return has_ended


@pytest.mark.parametrize("how", ["return", "raise"])
async def test_the_end_of_the_view(site: Site, how: str) -> None:
    """No task runs before the view has ended; those of one that raised are skipped."""
    has_ended = add_endpoint(site)
    async with site.app.test_client().websocket(f"/{how}") as connection:
        assert await connection.receive() == "added"
        await wait_for_tasks()
        assert site.done == []
        await connection.send("message")
        await has_ended.wait()
    fate = "succeeded" if how == "return" else "skipped"
    assert site.fates == {"task": fate, "message": fate}
    assert site.done == (["task in site of nobody", "message"] if how == "return" else [])


async def test_a_client_that_leaves(site: Site) -> None:
    """A client that leaves, for which Quart cancels the view, is the usual end: the tasks run."""
    add_endpoint(site)
    async with site.app.test_client().websocket("/return") as connection:
        assert await connection.receive() == "added"
    await wait_for_tasks()
    assert site.fates == {"task": "succeeded"}


async def test_a_view_that_fails_because_its_client_left(site: Site) -> None:
    """What a view raises while it is cleaning up behind a client that left skips nothing."""

    @site.app.websocket("/")
    async def endpoint() -> None:
        add_task(site.do, "task")
        await websocket.send("added")
        try:
            await websocket.receive()
        finally:
            raise OSError("nobody is there")

    async with site.app.test_client().websocket("/") as connection:
        assert await connection.receive() == "added"
    await wait_for_tasks()
    assert site.fates == {"task": "succeeded"}


async def test_a_refusal_before_it_is_accepted(site: Site) -> None:
    """`abort()` before the handshake counts as raised; the error handler's own task runs."""

    @site.app.errorhandler(403)
    async def refused(error: Exception) -> tuple[str, int]:
        add_task(site.do, "in the handler")
        return "refused", 403

    @site.app.websocket("/")
    async def endpoint() -> None:
        add_task(site.do, "task")
        abort(403)

    with pytest.raises(WebsocketResponseError):
        async with site.app.test_client().websocket("/") as connection:
            await connection.receive()
    await wait_for_tasks()
    assert site.fates == {"task": "skipped", "in the handler": "succeeded"}


async def test_a_task_scope_a_message(site: Site) -> None:
    """Within an open websocket `task_scope()` runs tasks at its end, in Quart's context."""

    @site.app.websocket("/")
    async def endpoint() -> None:
        async with task_scope():
            add_task(site.do_in_context, "task")
        await websocket.send(site.done[0])

    async with site.app.test_client().websocket("/") as connection:
        assert await connection.receive() == "task in site of nobody"
