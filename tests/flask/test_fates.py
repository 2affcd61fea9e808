"""Which tasks run: behind views, error handlers and request hooks, after how they ended."""

from __future__ import annotations

import pytest
from flask import Blueprint, Response, abort, redirect
from werkzeug.exceptions import BadRequest

from bgtasks_adapters import add_task, get_background_tasks
from tests.flask.site import Site, wait_for_tasks


def add_each(site: Site) -> None:
    """Queue a task for each `when`."""
    for when in ("returned", "success", "always"):
        get_background_tasks().using(when=when).add_task(site.do, when)


RAISED = {"returned": "skipped", "success": "skipped", "always": "succeeded"}
RETURNED_ERROR = {"returned": "succeeded", "success": "skipped", "always": "succeeded"}


# Views


@pytest.fixture(params=["def", "async def"])
def view_site(site: Site, request: pytest.FixtureRequest) -> Site:
    """A site with views, all of one kind, that end in each way."""

    def end(how: str) -> str | tuple[str, int] | Response:
        match how:
            case "abort":
                abort(403)
            case "abort-with-response":
                abort(Response("moved", 302, {"Location": "/"}))
            case "raise":
                raise KeyError(how)
            case "refuse":
                return "refused", 404
            case "redirect":
                response = redirect("/")
                assert isinstance(response, Response)
                return response
        return "ok"

    def view(how: str) -> str | tuple[str, int] | Response:
        add_each(site)
        return end(how)

    async def async_view(how: str) -> str | tuple[str, int] | Response:
        add_each(site)
        return end(how)

    site.app.route("/<how>")(view if request.param == "def" else async_view)
    return site


@pytest.mark.parametrize(
    ("how", "status"), [("abort", 403), ("abort-with-response", 302), ("raise", 500)]
)
def test_a_view_that_raises(view_site: Site, how: str, status: int) -> None:
    """`abort()`, also with a response, counts as raised, as every exception does."""
    assert view_site.ask(f"/{how}").status_code == status
    assert view_site.fates == RAISED


def test_a_view_that_returns_an_error(view_site: Site) -> None:
    """`return "...", 404` counts as returned, and is no success."""
    assert view_site.ask("/refuse").status_code == 404
    assert view_site.fates == RETURNED_ERROR


@pytest.mark.parametrize(("how", "status"), [("return", 200), ("redirect", 302)])
def test_a_view_that_returns(view_site: Site, how: str, status: int) -> None:
    """All tasks of a view that returned a page or a redirect run."""
    assert view_site.ask(f"/{how}").status_code == status
    assert view_site.fates == dict.fromkeys(RAISED, "succeeded")


def test_the_reason_of_a_skipped_task(view_site: Site) -> None:
    """The event of a skipped task names the exception that `abort()` raised."""
    view_site.ask("/abort")
    skipped = [event for event in view_site.events if event.kind == "skipped"]
    assert {event.reason for event in skipped} == {"the view raised Forbidden"}
    assert {event.outcome.status for event in skipped if event.outcome} == {403}


def test_an_error_that_is_propagated(view_site: Site) -> None:
    """Tasks are skipped, too, where Flask hands the error on (debug mode, testing)."""
    view_site.app.testing = True
    with pytest.raises(KeyError, match="raise"):
        view_site.ask("/raise")
    wait_for_tasks()
    assert view_site.fates == RAISED


# Error handlers


@pytest.fixture(params=["def", "async def"])
def handled_site(site: Site, request: pytest.FixtureRequest) -> Site:
    """A site whose error handlers, all of one kind, queue a task."""

    def handle(error: Exception) -> tuple[str, int]:
        add_task(site.do, "in the handler")
        return type(error).__name__, getattr(error, "code", None) or 418

    async def handle_async(error: Exception) -> tuple[str, int]:
        return handle(error)

    for kind in (403, 404, 500, ZeroDivisionError):
        handler = handle if request.param == "def" else handle_async
        site.app.register_error_handler(kind, handler)

    @site.app.route("/view/<how>")
    def view(how: str) -> str:
        add_task(site.do, "in the view")
        match how:
            case "abort":
                abort(403)
            case "divide":
                raise ZeroDivisionError
        raise LookupError(how)

    return site


@pytest.mark.parametrize(
    ("how", "status"), [("abort", 403), ("divide", 418), ("fail-otherwise", 500)]
)
def test_an_error_handler_behind_a_view(handled_site: Site, how: str, status: int) -> None:
    """The handler's own tasks run; those of the view that raised do not."""
    assert handled_site.ask(f"/view/{how}").status_code == status
    assert handled_site.fates == {"in the view": "skipped", "in the handler": "succeeded"}


def test_an_error_handler_for_an_unknown_url(handled_site: Site) -> None:
    """A 404 of the routing runs no view; the tasks of its handler run."""
    assert handled_site.ask("/unknown").status_code == 404
    assert handled_site.fates == {"in the handler": "succeeded"}


def test_an_error_handler_behind_a_hook_that_aborts(handled_site: Site) -> None:
    """The tasks of a `before_request` that aborts are skipped, those of the handler run."""

    @handled_site.app.before_request
    def refuse() -> None:
        add_task(handled_site.do, "in the hook")
        abort(403)

    assert handled_site.ask("/view/abort").status_code == 403
    assert handled_site.fates == {"in the hook": "skipped", "in the handler": "succeeded"}


def test_an_error_handler_that_answers_with_success(site: Site) -> None:
    """A handler that makes a 200 of an exception does not bring the view's tasks back."""

    @site.app.errorhandler(BadRequest)
    def forgive(error: BadRequest) -> str:
        return "forgiven"

    @site.app.route("/")
    def view() -> str:
        add_each(site)
        raise BadRequest

    assert site.ask().status_code == 200
    assert site.fates == RAISED


def test_an_error_handler_that_raises(site: Site) -> None:
    """Where the handler itself raises, the view's tasks stay skipped."""

    @site.app.errorhandler(BadRequest)
    def fail(error: BadRequest) -> str:
        raise LookupError

    @site.app.route("/")
    def view() -> str:
        add_task(site.do, "in the view")
        raise BadRequest

    assert site.ask().status_code == 500
    assert site.fates == {"in the view": "skipped"}


def test_a_blueprint_error_handler(site: Site) -> None:
    """The error handler of a blueprint can queue tasks."""
    blueprint = Blueprint("members", __name__)

    @blueprint.errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        add_task(site.do, "in the handler")
        return "missing", 404

    @blueprint.route("/")
    def view() -> str:
        add_task(site.do, "in the view")
        abort(404)

    site.app.register_blueprint(blueprint)
    assert site.ask().status_code == 404
    assert site.fates == {"in the view": "skipped", "in the handler": "succeeded"}
