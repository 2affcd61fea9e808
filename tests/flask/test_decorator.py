"""`with_background_tasks`: on every kind of view and below views, with `init_app` and without."""

from __future__ import annotations

import inspect

import pytest
from flask import Blueprint
from flask.views import MethodView, View

from bgtasks_adapters import (
    BackgroundTasks,
    MissingParameterError,
    NoActiveResponseError,
    add_task,
    get_background_tasks,
)
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.site import Site

# What it works on


def test_a_def_view(any_site: Site) -> None:
    """A `def` view gets its collection next to the parts of the URL."""

    @any_site.app.route("/<word>/<int:number>")
    @with_background_tasks
    def view(word: str, tasks: BackgroundTasks, number: int) -> str:
        tasks.add_task(any_site.do, f"{word}{number}")
        return "ok"

    assert any_site.ask("/page/7").text == "ok"
    assert any_site.fates == {"page7": "succeeded"}


def test_an_async_view(any_site: Site) -> None:
    """An `async def` view gets its collection, too."""

    @any_site.app.route("/<word>")
    @with_background_tasks
    async def view(word: str, *, background: BackgroundTasks) -> str:
        background.add_task(any_site.do_async, word)
        background.add_task(any_site.do, "then")
        return "ok"

    assert any_site.ask("/page").text == "ok"
    assert any_site.done == ["page", "then"]


def test_methods_of_class_based_views(any_site: Site) -> None:
    """It works on the methods of a `MethodView`, `def` and `async def`."""

    class Members(MethodView):
        @with_background_tasks
        def get(self, word: str, tasks: BackgroundTasks) -> str:
            tasks.add_task(any_site.do, word)
            return type(self).__name__

        @with_background_tasks
        async def post(self, tasks: BackgroundTasks, word: str) -> str:
            tasks.add_task(any_site.do, word)
            return "created"

    any_site.app.add_url_rule("/<word>", view_func=Members.as_view("members"))
    assert any_site.ask("/read").text == "Members"
    assert any_site.ask("/write", "POST").text == "created"
    assert any_site.fates == {"read": "succeeded", "write": "succeeded"}


def test_dispatch_request_of_a_view_class(any_site: Site) -> None:
    """It works on the `dispatch_request` of a `View`."""

    class Page(View):
        @with_background_tasks
        def dispatch_request(self, *, tasks: BackgroundTasks | None = None) -> str:
            assert tasks is not None
            tasks.add_task(any_site.do, "page")
            return "ok"

    any_site.app.add_url_rule("/", view_func=Page.as_view("page"))
    assert any_site.ask().text == "ok"
    assert any_site.fates == {"page": "succeeded"}


def test_a_view_of_a_blueprint(any_site: Site) -> None:
    """It works on the views of a blueprint."""
    blueprint = Blueprint("members", __name__)

    @blueprint.get("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(any_site.do, "member")
        return "ok"

    any_site.app.register_blueprint(blueprint, url_prefix="/members")
    assert any_site.ask("/members/").text == "ok"
    assert any_site.fates == {"member": "succeeded"}


def test_a_helper_below_a_view(any_site: Site) -> None:
    """A helper gets the collection of the view that calls it, and so does `add_task`."""
    found: list[BackgroundTasks] = []

    @with_background_tasks
    def notify(word: str, tasks: BackgroundTasks) -> None:
        found.append(tasks)
        tasks.add_task(any_site.do, word)

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        found.extend((tasks, get_background_tasks()))
        tasks.add_task(any_site.do, "first")
        notify("second")
        add_task(any_site.do, "third")
        return "ok"

    assert any_site.ask().text == "ok"
    assert any_site.done == ["first", "second", "third"]
    assert len(found) == 3
    assert len(set(map(id, found))) == 1


def test_a_collection_passed_explicitly(any_site: Site) -> None:
    """A collection that the caller passes wins over the response's."""
    other = BackgroundTasks()

    @with_background_tasks
    def notify(tasks: BackgroundTasks) -> None:
        tasks.add_task(any_site.do, "elsewhere")

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        notify(other)
        notify(tasks=other)
        return "ok"

    assert any_site.ask().text == "ok"
    assert [task.args for task in other.tasks] == [("elsewhere",), ("elsewhere",)]
    assert any_site.events == []


def test_a_collection_passed_outside_a_request(any_site: Site) -> None:
    """Called with a collection, a view needs no response around it: a unit test can do so."""

    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(any_site.do, "task")
        return "ok"

    tasks = BackgroundTasks()
    assert view(tasks=tasks) == "ok"
    assert [task.args for task in tasks.tasks] == [("task",)]


def test_a_generator_view(any_site: Site) -> None:
    """A view may be a generator function, whose body adds tasks while it streams."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks):  # type: ignore[no-untyped-def]
        yield "a"
        tasks.add_task(any_site.do, "streamed")

    assert any_site.ask().text == "a"
    assert any_site.fates == {"streamed": "succeeded"}


def test_the_parameter_is_hidden() -> None:
    """Tools that look at the signature do not see the parameter; all else is kept."""

    @with_background_tasks
    def view(word: str, tasks: BackgroundTasks) -> str:
        """Say it."""
        return word

    assert list(inspect.signature(view).parameters) == ["word"]
    assert set(view.__annotations__) == {"word", "return"}
    assert (view.__name__, view.__doc__) == ("view", "Say it.")


# Misuse


def test_no_annotated_parameter() -> None:
    """A function without the parameter is refused, saying which annotation is missing."""

    def view(tasks) -> str:  # type: ignore[no-untyped-def]
        return "ok"

    with pytest.raises(MissingParameterError, match="tasks: BackgroundTasks") as caught:
        with_background_tasks(view)
    assert "view(tasks)" in str(caught.value)


@pytest.mark.parametrize("is_in_app_context", [False, True])
def test_no_response_around(bare_site: Site, is_in_app_context: bool) -> None:
    """Outside a request it raises before the function is called, saying what to install."""
    called: list[BackgroundTasks] = []

    @with_background_tasks
    def helper(tasks: BackgroundTasks) -> None:
        called.append(tasks)

    def call() -> None:
        with pytest.raises(NoActiveResponseError, match=r"init_app\(app\)"):
            helper()

    if is_in_app_context:
        with bare_site.app.app_context():
            call()
    else:
        call()
    assert called == []
