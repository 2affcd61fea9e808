"""Quart's own test client and `test_app()`: tasks with, and without, a lifespan around."""

from __future__ import annotations

import anyio
import pytest
from quart import Response, websocket

from bgtasks_adapters import NoActiveResponseError, add_task, get_background_tasks, task_scope
from bgtasks_adapters.testing import capture_background_tasks
from tests.quart.site import Site, wait_for_tasks

pytestmark = pytest.mark.anyio


def add_view(site: Site) -> None:
    @site.app.route("/")
    async def view() -> str:
        add_task(site.do, "def")
        add_task(site.do_async, "async")
        return "ok"


async def test_without_a_lifespan(site: Site) -> None:
    """Without a lifespan the request itself waits for its tasks, and so does the client."""
    add_view(site)
    await site.app.test_client().get("/")
    assert site.done == ["def", "async"]


async def test_with_a_lifespan(site: Site) -> None:
    """Within `test_app()` the client does not wait; the shutdown at its end does."""
    released, started = anyio.Event(), anyio.Event()

    async def wait() -> None:
        started.set()
        await released.wait()
        site.do("waited")

    @site.app.route("/")
    async def view() -> str:
        add_task(wait)
        return "ok"

    closed: list[list[str]] = []

    @site.app.after_serving
    async def close() -> None:
        closed.append(list(site.done))

    async with site.app.test_app() as running:
        response: Response = await running.test_client().get("/")
        assert await response.get_data() == b"ok"
        await started.wait()
        assert site.done == []
        released.set()
    assert closed == [["waited"]]


async def test_now(site: Site) -> None:
    """Captured tasks have run when the client has its response."""
    add_view(site)
    async with capture_background_tasks() as captured, site.app.test_app() as running:
        await running.test_client().get("/")
        captured.assert_added(site.do, "def")
        assert site.done == ["def", "async"]


async def test_later(site: Site) -> None:
    """With "later" they run when `arun()` is awaited."""
    add_view(site)
    async with capture_background_tasks(run="later") as captured:
        await site.app.test_client().get("/")
        assert site.done == []
        await captured.arun()
        assert site.done == ["def", "async"]


async def test_never(site: Site) -> None:
    """With "never" they are cancelled at the end of the block."""
    add_view(site)
    async with capture_background_tasks(run="never") as captured:
        await site.app.test_client().get("/")
        captured.assert_added(site.do_async, "async")
    assert site.fates == {"def": "cancelled", "async": "cancelled"}


async def test_the_tasks_of_a_websocket(site: Site) -> None:
    """Captured tasks of a websocket have run when its connection has ended."""

    @site.app.websocket("/")
    async def endpoint() -> None:
        add_task(site.do, "task")
        await websocket.send("added")
        await websocket.receive()

    async with capture_background_tasks():
        async with site.app.test_client().websocket("/") as connection:
            assert await connection.receive() == "added"
            assert site.done == []
        assert site.done == ["task"]


async def test_inside_a_task_scope(site: Site) -> None:
    """A request made inside a `task_scope()` is a response of its own."""
    add_view(site)
    async with task_scope() as tasks:
        add_task(site.do, "scope")
        await site.ask()
        assert get_background_tasks() is tasks
        assert site.done == ["def", "async"]
    assert site.done == ["def", "async", "scope"]


async def test_a_context_without_a_request(site: Site) -> None:
    """An application context alone, or a request context made by hand, is no response."""
    errors: list[str] = []
    for context in (site.app.app_context(), site.app.test_request_context("/")):
        async with context:
            try:
                add_task(site.do, "task")
            except NoActiveResponseError as error:
                errors.append(str(error))
    assert len(errors) == 2
    await wait_for_tasks()
    assert site.done == []
