"""What a Flask task sees: an application context of its own, and the line that added it."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest
from flask import current_app, g, request, session

from bgtasks_adapters import add_task, get_background_tasks
from tests.flask.site import Site

visitor: ContextVar[str] = ContextVar("visitor")


@pytest.fixture(params=["def", "async def"])
def task_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def test_g_is_fresh(site: Site, task_kind: str) -> None:
    """Each task has a `flask.g` of its own: the view's is not there, nor another task's."""

    def see(word: str) -> None:
        site.do(f"{word} {g.get('owner', 'nobody')}")
        g.owner = word

    async def see_async(word: str) -> None:
        see(word)

    @site.app.route("/")
    def view() -> str:
        g.owner = "view"
        add_task(see if task_kind == "def" else see_async, "first")
        add_task(see if task_kind == "def" else see_async, "second")
        return "ok"

    site.ask()
    assert site.done == ["first nobody", "second nobody"]


def test_current_app(site: Site, task_kind: str) -> None:
    """`current_app` is the application of the view, its configuration at hand."""
    site.app.config["GREETING"] = "hello"

    def greet() -> None:
        site.do(current_app.config["GREETING"])
        site.do(current_app.name)

    async def greet_async() -> None:
        greet()

    @site.app.route("/")
    async def view() -> str:
        add_task(greet if task_kind == "def" else greet_async)
        return "ok"

    site.ask()
    assert site.done == ["hello", "site"]


def test_teardown_once_a_task(site: Site, task_kind: str) -> None:
    """`teardown_appcontext` runs behind each task, on its thread, with what it raised."""
    torn_down: list[tuple[str, str, threading.Thread]] = []

    @site.app.teardown_appcontext
    def tear_down(error: BaseException | None) -> None:
        owner = g.get("owner", "nobody")
        torn_down.append((owner, type(error).__name__, threading.current_thread()))

    threads: list[threading.Thread] = []

    def work(word: str) -> None:
        g.owner = word
        threads.append(threading.current_thread())
        if word == "failing":
            raise LookupError(word)

    async def work_async(word: str) -> None:
        work(word)

    @site.app.route("/")
    def view() -> str:
        g.owner = "view"
        for word in ("first", "failing", "last"):
            add_task(work if task_kind == "def" else work_async, word)
        return "ok"

    site.ask()
    assert torn_down == [
        ("view", "NoneType", threading.current_thread()),
        ("first", "NoneType", threads[0]),
        ("failing", "LookupError", threads[1]),
        ("last", "NoneType", threads[2]),
    ]
    assert threading.current_thread() not in threads
    assert site.fates == {"first": "succeeded", "failing": "failed", "last": "succeeded"}


def test_a_teardown_that_raises(site: Site) -> None:
    """A task whose teardown raises has failed with that; the next one runs."""

    @site.app.teardown_appcontext
    def tear_down(error: BaseException | None) -> None:
        if g.get("owner") == "first":
            raise OSError("the session cannot be given back")

    def work(word: str) -> None:
        g.owner = word

    @site.app.route("/")
    def view() -> str:
        add_task(work, "first")
        add_task(work, "second")
        return "ok"

    site.ask()
    assert site.fates == {"first": "failed", "second": "succeeded"}
    assert isinstance(site.events[0].error, OSError)


def test_context_variables(site: Site, task_kind: str) -> None:
    """A task sees the context variables of the line that added it, in async views too."""

    def see() -> None:
        site.do(visitor.get())
        visitor.set("a task")

    async def see_async() -> None:
        see()

    @site.app.route("/")
    async def view() -> str:
        for name in ("ada", "bob"):
            visitor.set(name)
            add_task(see if task_kind == "def" else see_async)
        visitor.set("somebody else")
        return "ok"

    site.ask()
    assert site.done == ["ada", "bob"]


def test_tasks_of_tasks(site: Site) -> None:
    """What a task adds runs behind it, in an application context of its own."""

    def second(word: str) -> None:
        site.do(f"{word} {g.get('owner', 'nobody')} {current_app.name}")

    def first(word: str) -> None:
        g.owner = word
        add_task(second, "second")
        site.do(word)

    @site.app.route("/")
    def view() -> str:
        add_task(first, "first")
        return "ok"

    site.ask()
    assert site.done == ["first", "second nobody site"]


def test_values_of_the_request(site: Site) -> None:
    """What a view takes from the request, the session and `g` is with the task as it was."""
    site.app.secret_key = "a secret"

    @site.app.route("/<name>")
    def view(name: str) -> str:
        session["visits"] = ["first"]
        g.user = {"name": name}
        add_task(lambda *values: site.done.extend(map(str, values)), request.path, g.user)
        add_task(site.done.extend, list(session["visits"]))
        return "ok"

    site.ask("/ada")
    assert site.done == ["/ada", "{'name': 'ada'}", "first"]


def test_the_collection_of_the_response(site: Site) -> None:
    """Everything below one response shares one collection; the next response has another."""
    found: list[object] = []

    @site.app.before_request
    def before() -> None:
        found.append(get_background_tasks())

    @site.app.route("/")
    async def view() -> str:
        found.append(get_background_tasks())
        return "ok"

    site.ask()
    site.ask()
    first, first_view, second, second_view = found
    assert first is first_view
    assert second is second_view
    assert first is not second
