"""What a Quart task sees: an application context of its own, and the line that added it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import pytest
from quart import current_app, g, request, session

from bgtasks_adapters import add_task, get_background_tasks
from tests.quart.site import Site

pytestmark = pytest.mark.anyio

visitor: ContextVar[str] = ContextVar("visitor")
Kind = Callable[[Callable[..., None]], Callable[..., object]]


def as_async(function: Callable[..., None]) -> Callable[..., object]:
    async def task(*args: object) -> None:
        await asyncio.sleep(0)
        function(*args)

    return task


@pytest.fixture(params=["def", "async def"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """What makes a task of a function: a `def` one, or an `async def` one."""
    return as_async if request.param == "async def" else lambda function: function


async def test_g_is_fresh(site: Site, kind: Kind) -> None:
    """Each task has a `quart.g` of its own: the view's is not there, nor another task's."""

    def see(word: str) -> None:
        site.do(f"{word} {g.get('owner', 'nobody')}")
        g.owner = word

    @site.app.route("/")
    async def view() -> str:
        g.owner = "view"
        add_task(kind(see), "first")
        add_task(kind(see), "second")
        return "ok"

    await site.ask()
    assert site.done == ["first nobody", "second nobody"]


async def test_current_app(site: Site, kind: Kind) -> None:
    """`current_app` is the application of the view, its configuration at hand."""
    site.app.config["GREETING"] = "hello"

    def greet() -> None:
        site.do(current_app.config["GREETING"])
        site.do(current_app.name)

    @site.app.route("/")
    def view() -> str:
        add_task(kind(greet))
        return "ok"

    await site.ask()
    assert site.done == ["hello", "site"]


async def test_teardown_once_a_task(site: Site, kind: Kind) -> None:
    """`teardown_appcontext` runs behind each task, on the server's loop, with what it raised."""
    torn_down: list[tuple[str, str, asyncio.AbstractEventLoop]] = []

    @site.app.teardown_appcontext
    async def tear_down(error: BaseException | None) -> None:
        owner = g.get("owner", "nobody")
        torn_down.append((owner, type(error).__name__, asyncio.get_running_loop()))

    def work(word: str) -> None:
        g.owner = word
        if word == "failing":
            raise LookupError(word)

    @site.app.route("/")
    async def view() -> str:
        g.owner = "view"
        for word in ("first", "failing", "last"):
            add_task(kind(work), word)
        return "ok"

    await site.ask()
    loop = asyncio.get_running_loop()
    assert torn_down == [
        ("view", "NoneType", loop),
        ("first", "NoneType", loop),
        ("failing", "LookupError", loop),
        ("last", "NoneType", loop),
    ]
    assert site.fates == {"first": "succeeded", "failing": "failed", "last": "succeeded"}


async def test_a_teardown_that_raises(site: Site, kind: Kind) -> None:
    """A task whose teardown, here a `def` one, raises has failed with that; the next one runs."""

    @site.app.teardown_appcontext
    def tear_down(error: BaseException | None) -> None:
        if g.get("owner") == "first":
            raise OSError("the session cannot be given back")

    def work(word: str) -> None:
        g.owner = word

    @site.app.route("/")
    async def view() -> str:
        add_task(kind(work), "first")
        add_task(kind(work), "second")
        return "ok"

    await site.ask()
    assert site.fates == {"first": "failed", "second": "succeeded"}
    assert "given back" in repr(site.events[0].error)


async def test_context_variables(site: Site, kind: Kind) -> None:
    """A task sees the context variables of the line that added it."""

    def see() -> None:
        site.do(visitor.get())
        visitor.set("a task")

    @site.app.route("/")
    async def view() -> str:
        for name in ("ada", "bob"):
            visitor.set(name)
            add_task(kind(see))
        visitor.set("somebody else")
        return "ok"

    await site.ask()
    assert site.done == ["ada", "bob"]


async def test_tasks_of_tasks(site: Site) -> None:
    """What a task adds runs behind it, in an application context of its own."""

    def second(word: str) -> None:
        site.do(f"{word} {g.get('owner', 'nobody')} {current_app.name}")

    def first(word: str) -> None:
        g.owner = word
        add_task(second, "second")
        site.do(word)

    @site.app.route("/")
    async def view() -> str:
        add_task(first, "first")
        return "ok"

    await site.ask()
    assert site.done == ["first", "second nobody site"]


async def test_values_of_the_request(site: Site) -> None:
    """What a view takes from the request, the session and `g` is with the task as it was."""
    site.app.secret_key = "a secret"

    @site.app.route("/<name>")
    async def view(name: str) -> str:
        session["visits"] = ["first"]
        g.user = {"name": name}
        add_task(lambda *values: site.done.extend(map(str, values)), request.path, g.user)
        add_task(site.done.extend, list(session["visits"]))
        return "ok"

    await site.ask("/ada")
    assert site.done == ["/ada", "{'name': 'ada'}", "first"]


async def test_the_collection_of_the_response(site: Site) -> None:
    """Everything below one response shares one collection; the next response has another."""
    found: list[object] = []

    @site.app.before_request
    def before() -> None:
        found.append(get_background_tasks())

    @site.app.route("/")
    async def view() -> str:
        found.append(get_background_tasks())
        return "ok"

    await site.ask()
    await site.ask()
    first, first_view, second, second_view = found
    assert first is first_view
    assert second is second_view
    assert first is not second
