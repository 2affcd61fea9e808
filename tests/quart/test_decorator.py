"""`with_background_tasks`: on every kind of view and below views, with `init_app` and without."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from quart import Blueprint, Response, abort, g, websocket
from quart.typing import ResponseReturnValue
from quart.views import MethodView

from bgtasks_adapters import (
    BackgroundTasks,
    MissingParameterError,
    NoActiveResponseError,
    add_task,
    get_background_tasks,
)
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.quart import with_background_tasks
from tests.quart.site import Site, wait_for_tasks

pytestmark = pytest.mark.anyio


async def test_a_def_view(any_site: Site) -> None:
    """A `def` view, on a thread of Quart's, gets its collection next to the parts of the URL."""

    @any_site.app.route("/<word>/<int:number>")
    @with_background_tasks
    def view(word: str, tasks: BackgroundTasks, number: int) -> str:
        tasks.add_task(any_site.do, f"{word}{number}")
        return "ok"

    assert (await any_site.ask("/page/7")).status_code == 200
    assert any_site.fates == {"page7": "succeeded"}


async def test_an_async_view(any_site: Site) -> None:
    """An `async def` view gets its collection, too."""

    @any_site.app.route("/<word>")
    @with_background_tasks
    async def view(word: str, *, background: BackgroundTasks) -> str:
        background.add_task(any_site.do_async, word)
        background.add_task(any_site.do, "then")
        return "ok"

    await any_site.ask("/page")
    assert any_site.done == ["page", "then"]


async def test_async_tasks_run_on_the_loop_of_the_server(any_site: Site) -> None:
    """An `async def` task runs on the loop that serves the request, behind a `def` view as well."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def task() -> None:
        loops.append(asyncio.get_running_loop())

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(task)
        return "ok"

    await any_site.ask()
    assert loops == [asyncio.get_running_loop()]


async def test_methods_of_class_based_views(any_site: Site) -> None:
    """It works on the methods of a `MethodView`, `def` and `async def`, also in a blueprint."""

    class Members(MethodView):
        @with_background_tasks
        def get(self, word: str, tasks: BackgroundTasks) -> str:
            tasks.add_task(any_site.do, word)
            return type(self).__name__

        @with_background_tasks
        async def post(self, tasks: BackgroundTasks, word: str) -> str:
            tasks.add_task(any_site.do, word)
            return "created"

    blueprint = Blueprint("members", __name__)
    blueprint.add_url_rule("/<word>", view_func=Members.as_view("members"))
    any_site.app.register_blueprint(blueprint)
    assert await (await any_site.ask("/read")).get_data(as_text=True) == "Members"
    assert await (await any_site.ask("/write", "POST")).get_data(as_text=True) == "created"
    assert any_site.fates == {"read": "succeeded", "write": "succeeded"}


async def test_a_helper_below_a_view(any_site: Site) -> None:
    """A helper gets the collection of the view that calls it, and so does `add_task`."""
    found: list[BackgroundTasks] = []

    @with_background_tasks
    async def notify(word: str, tasks: BackgroundTasks) -> None:
        found.append(tasks)
        tasks.add_task(any_site.do, word)

    @any_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> str:
        found.extend((tasks, get_background_tasks()))
        tasks.add_task(any_site.do, "first")
        await asyncio.create_task(notify("second"))
        add_task(any_site.do, "third")
        return "ok"

    await any_site.ask()
    assert any_site.done == ["first", "second", "third"]
    assert len(set(map(id, found))) == 1


async def test_a_helper_below_a_task(any_site: Site) -> None:
    """A helper that a task calls gets the collection of the task."""

    @with_background_tasks
    def notify(word: str, tasks: BackgroundTasks) -> None:
        tasks.add_task(any_site.do, word)

    @any_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(notify, "from a task")
        return "ok"

    await any_site.ask()
    await wait_for_tasks()
    assert any_site.done == ["from a task"]


@pytest.mark.parametrize(
    ("how", "status", "fate"),
    [
        ("return", 200, "succeeded"),
        ("refuse", 404, "succeeded"),
        ("abort", 404, "skipped"),
        ("raise", 500, "skipped"),
    ],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
async def test_fates(any_site: Site, how: str, status: int, fate: str, is_async: bool) -> None:
    """`abort()` and every exception count as raised, a returned 404 does not."""

    def view(tasks: BackgroundTasks) -> ResponseReturnValue:
        tasks.add_task(any_site.do, "task")
        if how == "raise":
            raise KeyError
        if how == "abort":
            abort(404)
        return "answered", status

    async def async_view(tasks: BackgroundTasks) -> ResponseReturnValue:
        return view(tasks)

    decorated = with_background_tasks(async_view) if is_async else with_background_tasks(view)
    any_site.app.add_url_rule("/", view_func=decorated)
    assert (await any_site.ask()).status_code == status
    assert any_site.fates == {"task": fate}
    assert [event.outcome.status for event in any_site.events if event.outcome] == [status]


async def test_a_stream(any_site: Site) -> None:
    """The collection that a view was given can be filled by its body; its tasks run at the end."""

    @any_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            tasks.add_task(any_site.do, "streamed")
            await wait_for_tasks()
            assert any_site.done == []
            yield b"b"

        tasks.add_task(any_site.do, "view")
        return Response(body())

    assert await (await any_site.ask()).get_data() == b"ab"
    assert any_site.done == ["view", "streamed"]


async def test_a_stream_that_fails(any_site: Site) -> None:
    """A body that raises is the outcome's error."""

    @any_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            raise OSError("the disk is gone")

        tasks.add_task(any_site.do, "view")
        return Response(body())

    with pytest.raises((OSError, ExceptionGroup)):  # a group since Quart 0.23
        await any_site.ask()
    await wait_for_tasks()
    assert any_site.fates == {"view": "succeeded"}
    outcome = any_site.events[0].outcome
    assert outcome is not None
    assert (outcome.returned, outcome.disconnected) == (True, False)


async def test_add_task_below_the_decorated_view_only(bare_site: Site) -> None:
    """Without `init_app` a view that is not decorated has no collection, and is told so."""
    errors: list[NoActiveResponseError] = []

    @bare_site.app.route("/")
    async def view() -> str:
        with pytest.raises(NoActiveResponseError, match=r"Quart: init_app\(app\)") as caught:
            add_task(bare_site.do, "task")
        errors.append(caught.value)
        return "ok"

    await bare_site.ask()
    assert len(errors) == 1


async def test_a_websocket_needs_init_app(bare_site: Site) -> None:
    """On a websocket the decorator alone raises before the function is called."""
    errors: list[NoActiveResponseError] = []

    @with_background_tasks
    async def helper(tasks: BackgroundTasks) -> None:
        raise AssertionError("not reached")

    @bare_site.app.websocket("/")
    async def endpoint() -> None:
        with pytest.raises(NoActiveResponseError) as caught:
            await helper()
        errors.append(caught.value)
        await websocket.send("done")

    async with bare_site.app.test_client().websocket("/") as connection:
        assert await connection.receive() == "done"
    assert len(errors) == 1


@pytest.mark.parametrize("how", ["return", "abort"])
async def test_below_a_plain_boundary(bare_site: Site, how: str) -> None:
    """Below an ASGI boundary its tasks have Quart's context, and the view's fate is seen."""
    outer = Site()

    @bare_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> tuple[str, int]:
        g.owner = "view"
        tasks.add_task(bare_site.do_in_context, "task")
        if how == "abort":
            abort(404)
        return "refused", 404

    inner: Any = bare_site.app.asgi_app
    around: Any = BackgroundTasksMiddleware(inner, **outer.settings)
    bare_site.app.asgi_app = around  # type: ignore[method-assign]
    await bare_site.ask()
    assert outer.fates == {"task": "succeeded" if how == "return" else "skipped"}
    assert bare_site.done == (["task in site of nobody"] if how == "return" else [])


async def test_an_error_that_is_propagated(site: Site) -> None:
    """Tasks are skipped, too, where Quart makes no page of an error: in debug mode and in tests."""
    site.app.testing = True

    @site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(site.do, "task")
        raise KeyError

    with contextlib.suppress(KeyError):  # Quart answers with a traceback since 0.21
        await site.ask()
    assert site.fates == {"task": "skipped"}


@pytest.mark.parametrize("when", ["returned", "always"])
async def test_a_client_that_leaves(any_site: Site, when: str) -> None:
    """A view that is cancelled, because its client left, has not returned."""
    has_started = asyncio.Event()

    @any_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> str:
        tasks.using(when=when).add_task(any_site.do, "task")
        has_started.set()
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    async with any_site.app.test_client().request("/") as connection:
        await connection.send_complete()
        await has_started.wait()
        await connection.disconnect()
    await wait_for_tasks()
    assert any_site.fates == {"task": "skipped" if when == "returned" else "succeeded"}


# Misuse


def test_no_annotated_parameter() -> None:
    """A function without the parameter is refused, saying which annotation is missing."""

    async def view(tasks) -> str:  # type: ignore[no-untyped-def]
        return "ok"

    with pytest.raises(MissingParameterError, match="tasks: BackgroundTasks"):
        with_background_tasks(view)


@pytest.mark.parametrize("is_in_app_context", [False, True])
async def test_no_response_around(bare_site: Site, is_in_app_context: bool) -> None:
    """Outside a request it raises before the function is called, saying what to install."""

    @with_background_tasks
    def helper(tasks: BackgroundTasks) -> None:
        raise AssertionError("not reached")

    def call() -> None:
        with pytest.raises(NoActiveResponseError, match=r"init_app\(app\)"):
            helper()

    if is_in_app_context:
        async with bare_site.app.app_context():
            call()
    else:
        call()


def test_a_collection_passed_outside_a_request(any_site: Site) -> None:
    """Called with a collection, a view needs no response around it: a unit test can do so."""

    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(any_site.do, "task")
        return "ok"

    tasks = BackgroundTasks()
    assert view(tasks=tasks) == "ok"
    assert [task.args for task in tasks.tasks] == [("task",)]
