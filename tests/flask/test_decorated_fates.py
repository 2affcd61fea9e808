"""What `with_background_tasks` sees of a view's fate, and what it does without `init_app`."""

from __future__ import annotations

import gc

import pytest
from flask import Response, abort, g
from werkzeug.test import Client

from bgtasks_adapters import BackgroundTasks, NoActiveResponseError, add_task
from bgtasks_adapters.flask import with_background_tasks
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware
from tests.flask.site import Site, wait_for_tasks


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
def test_fates(any_site: Site, how: str, status: int, fate: str, is_async: bool) -> None:
    """`abort()` and every exception count as raised, a returned 404 does not."""

    def view(tasks: BackgroundTasks) -> str | tuple[str, int]:
        tasks.add_task(any_site.do, "task")
        if how == "raise":
            raise KeyError
        if how == "abort":
            abort(404)
        return "answered", status

    async def async_view(tasks: BackgroundTasks) -> str | tuple[str, int]:
        return view(tasks)

    decorated = with_background_tasks(async_view) if is_async else with_background_tasks(view)
    any_site.app.add_url_rule("/", view_func=decorated)
    assert any_site.ask().status_code == status
    assert any_site.fates == {"task": fate}
    assert [event.outcome.status for event in any_site.events if event.outcome] == [status]


def test_an_error_that_is_propagated(any_site: Site) -> None:
    """Tasks are skipped, too, where Flask hands the error on: in debug mode and in tests."""
    any_site.app.testing = True

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(any_site.do, "task")
        raise KeyError

    with pytest.raises(KeyError):
        any_site.ask()
    gc.collect()
    wait_for_tasks()
    assert any_site.fates == {"task": "skipped"}


def test_add_task_below_the_decorated_view_only(bare_site: Site) -> None:
    """Without `init_app` a view that is not decorated has no collection, and is told so."""
    errors: list[NoActiveResponseError] = []

    @bare_site.app.route("/")
    def view() -> str:
        with pytest.raises(NoActiveResponseError) as caught:
            add_task(bare_site.do, "task")
        errors.append(caught.value)
        return "ok"

    assert bare_site.ask().text == "ok"
    assert len(errors) == 1


def test_a_replaced_response(any_site: Site) -> None:
    """Tasks run, too, behind an `after_request` function that makes another response."""

    @any_site.app.after_request
    def replace(response: Response) -> Response:
        return Response("other", 202)

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        tasks.add_task(any_site.do, "task")
        return "ok"

    assert any_site.ask().status_code == 202
    gc.collect()
    wait_for_tasks()
    assert any_site.fates == {"task": "succeeded"}


def test_settings_are_read_once(bare_site: Site) -> None:
    """However many requests there are, the decorator alone makes one `Settings`."""
    seen: list[object] = []

    @bare_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        seen.append(getattr(tasks, "settings", None))
        return "ok"

    bare_site.ask()
    bare_site.ask()
    assert seen[0] is not None
    assert seen[0] is seen[1]


@pytest.mark.parametrize("how", ["return", "abort"])
def test_below_a_plain_boundary(bare_site: Site, how: str) -> None:
    """Below a WSGI boundary its tasks have Flask's context, and the view's fate is seen."""
    outer = Site()

    @bare_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> tuple[str, int]:
        g.owner = "view"
        tasks.add_task(bare_site.do_in_context, "task")
        if how == "abort":
            abort(404)
        return "refused", 404

    client = Client(BackgroundTasksMiddleware(bare_site.app, **outer.settings))
    assert client.get("/", buffered=True).status_code == 404
    wait_for_tasks()
    assert outer.fates == {"task": "succeeded" if how == "return" else "skipped"}
    assert bare_site.done == (["task in site of nobody"] if how == "return" else [])
