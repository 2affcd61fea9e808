"""Flask's own test client: tasks start when the response is closed."""

from __future__ import annotations

from flask import Response

from bgtasks_adapters import NoActiveResponseError, add_task, get_background_tasks, task_scope
from tests.flask.site import Site, wait_for_tasks


def add_view(site: Site) -> None:
    @site.app.route("/")
    def view() -> Response:
        add_task(site.do, "task")
        return Response(iter([b"a", b"b"]))


def test_buffered(site: Site) -> None:
    """With `buffered=True` the client closes the response by itself."""
    add_view(site)
    response = site.app.test_client().get("/", buffered=True)
    wait_for_tasks()
    assert (response.data, site.done) == (b"ab", ["task"])


def test_as_a_context_manager(site: Site) -> None:
    """Without it, the `with` statement or `close()` does."""
    add_view(site)
    with site.app.test_client().get("/") as response:
        assert response.data == b"ab"
        wait_for_tasks()
        assert site.done == []
    wait_for_tasks()
    assert site.done == ["task"]


def test_a_preserved_context(site: Site) -> None:
    """`with app.test_client()` keeps the request's context; tasks run as ever."""
    add_view(site)
    with site.app.test_client() as client:
        client.get("/", buffered=True)
        wait_for_tasks()
        assert site.done == ["task"]
        client.get("/", buffered=True)
    wait_for_tasks()
    assert site.done == ["task", "task"]


def test_inside_a_task_scope(site: Site) -> None:
    """A request made inside a `task_scope()` is a response of its own."""
    add_view(site)
    with task_scope() as tasks:
        add_task(site.do, "scope")
        site.ask()
        assert get_background_tasks() is tasks
        assert site.done == ["task"]
    assert site.done == ["task", "scope"]


def test_a_command(site: Site) -> None:
    """In a command of the application `task_scope()` runs tasks at its end, in its context."""

    @site.app.cli.command("greet")
    def greet() -> None:
        with task_scope():
            add_task(site.do, "greeting")

    result = site.app.test_cli_runner().invoke(args=["greet"])
    assert result.exception is None
    assert site.done == ["greeting"]


def test_a_context_without_a_request(site: Site) -> None:
    """An application context alone, or a request context made by hand, is no response."""
    errors: list[str] = []
    for context in (site.app.app_context(), site.app.test_request_context("/")):
        with context:
            try:
                add_task(site.do, "task")
            except NoActiveResponseError as error:
                errors.append(str(error))
    assert len(errors) == 2
    assert site.done == []
