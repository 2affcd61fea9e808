"""Which tasks run: behind views, error handlers and request hooks, after how they ended."""

from __future__ import annotations

from typing import Any

import pytest
from quart import Blueprint, Response, abort, after_this_request, redirect
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from bgtasks_adapters import add_task, get_background_tasks
from tests.quart.site import Site

pytestmark = pytest.mark.anyio

RAISED = {"returned": "skipped", "success": "skipped", "always": "succeeded"}
RETURNED_ERROR = {"returned": "succeeded", "success": "skipped", "always": "succeeded"}


def add_each(site: Site) -> None:
    """Queue a task for each `when`."""
    for when in ("returned", "success", "always"):
        get_background_tasks().using(when=when).add_task(site.do, when)


@pytest.fixture(params=["def", "async def"])
def view_site(site: Site, request: pytest.FixtureRequest) -> Site:
    """A site with views, all of one kind, that end in each way."""

    def view(how: str) -> ResponseReturnValue:
        add_each(site)
        match how:
            case "abort":
                abort(403)
            case "raise":
                raise KeyError(how)
            case "refuse":
                return "refused", 404
            case "redirect":
                return redirect("/")
        return "ok"

    async def async_view(how: str) -> ResponseReturnValue:
        return view(how)

    if request.param == "def":
        site.app.route("/<how>")(view)
    else:
        site.app.route("/<how>")(async_view)
    return site


@pytest.mark.parametrize(("how", "status"), [("abort", 403), ("raise", 500)])
async def test_a_view_that_raises(view_site: Site, how: str, status: int) -> None:
    """`abort()` counts as raised, as every exception does, though Quart answers it."""
    assert (await view_site.ask(f"/{how}")).status_code == status
    assert view_site.fates == RAISED


async def test_a_view_that_returns_an_error(view_site: Site) -> None:
    """`return "...", 404` counts as returned, and is no success."""
    assert (await view_site.ask("/refuse")).status_code == 404
    assert view_site.fates == RETURNED_ERROR


@pytest.mark.parametrize(("how", "status"), [("return", 200), ("redirect", 302)])
async def test_a_view_that_returns(view_site: Site, how: str, status: int) -> None:
    """All tasks of a view that returned a page or a redirect run."""
    assert (await view_site.ask(f"/{how}")).status_code == status
    assert view_site.fates == dict.fromkeys(RAISED, "succeeded")


async def test_the_reason_of_a_skipped_task(view_site: Site) -> None:
    """The event of a skipped task names the exception that `abort()` raised."""
    await view_site.ask("/abort")
    skipped = [event for event in view_site.events if event.kind == "skipped"]
    assert {event.reason for event in skipped} == {"the view raised Forbidden"}
    assert {event.outcome.status for event in skipped if event.outcome} == {403}


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
    async def view(how: str) -> str:
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
async def test_an_error_handler_behind_a_view(handled_site: Site, how: str, status: int) -> None:
    """The handler's own tasks run; those of the view that raised do not."""
    assert (await handled_site.ask(f"/view/{how}")).status_code == status
    assert handled_site.fates == {"in the view": "skipped", "in the handler": "succeeded"}


async def test_an_error_handler_for_an_unknown_url(handled_site: Site) -> None:
    """A 404 of the routing runs no view; the tasks of its handler run."""
    assert (await handled_site.ask("/unknown")).status_code == 404
    assert handled_site.fates == {"in the handler": "succeeded"}


@pytest.mark.parametrize("how", ["abort", "raise"])
async def test_an_error_handler_behind_a_hook(handled_site: Site, how: str) -> None:
    """The tasks of a `before_request` that raises are skipped, those of the handler run."""

    @handled_site.app.before_request
    async def refuse() -> None:
        add_task(handled_site.do, "in the hook")
        if how == "abort":
            abort(403)
        raise LookupError(how)

    assert (await handled_site.ask("/view/x")).status_code == (403 if how == "abort" else 500)
    assert handled_site.fates == {"in the hook": "skipped", "in the handler": "succeeded"}
    reasons = {event.reason for event in handled_site.events if event.kind == "skipped"}
    assert reasons == {f"the view raised {'Forbidden' if how == 'abort' else 'LookupError'}"}


async def test_an_error_handler_that_answers_with_success(site: Site) -> None:
    """A handler that makes a 200 of an exception does not bring the view's tasks back."""

    @site.app.errorhandler(BadRequest)
    async def forgive(error: BadRequest) -> str:
        return "forgiven"

    @site.app.route("/")
    async def view() -> str:
        add_each(site)
        raise BadRequest

    assert (await site.ask()).status_code == 200
    assert site.fates == RAISED


async def test_a_blueprint_error_handler(site: Site) -> None:
    """The error handler of a blueprint can queue tasks."""
    blueprint = Blueprint("members", __name__)

    @blueprint.errorhandler(404)
    async def missing(error: Exception) -> tuple[str, int]:
        add_task(site.do, "in the handler")
        return "missing", 404

    @blueprint.route("/")
    async def view() -> str:
        add_task(site.do, "in the view")
        abort(404)

    site.app.register_blueprint(blueprint)
    assert (await site.ask()).status_code == 404
    assert site.fates == {"in the view": "skipped", "in the handler": "succeeded"}


# Request hooks


async def test_every_hook_around_a_view(site: Site) -> None:
    """Tasks of all hooks, `def` and async, run in the order in which they were added."""

    @site.app.before_request
    def before() -> None:
        add_task(site.do, "before")

    @site.app.after_request
    async def after(response: Response) -> Response:
        add_task(site.do, "after")
        return response

    @site.app.teardown_request
    async def tear_down(error: BaseException | None) -> None:
        add_task(site.do, "teardown")

    @site.app.route("/")
    async def view() -> str:
        @after_this_request
        async def after_this(response: Any) -> Any:
            add_task(site.do, "after this")
            return response

        add_task(site.do_async, "view")
        return "ok"

    await site.ask()
    assert site.done == ["before", "view", "after this", "after", "teardown"]
    assert set(site.fates.values()) == {"succeeded"}


async def test_a_hook_that_answers_in_the_place_of_the_view(site: Site) -> None:
    """The tasks of a `before_request` that returns a response run."""

    @site.app.before_request
    async def before() -> str:
        add_task(site.do, "before")
        return "answered early"

    @site.app.route("/")
    async def view() -> str:
        raise AssertionError("not reached")

    await site.ask()
    assert site.fates == {"before": "succeeded"}


async def test_a_replaced_response(site: Site) -> None:
    """Tasks survive an `after_request` function that makes another response."""

    @site.app.after_request
    async def replace(response: Response) -> Response:
        return Response("other", 202)

    @site.app.route("/")
    async def view() -> str:
        add_task(site.do, "view")
        return "ok"

    assert (await site.ask()).status_code == 202
    assert site.fates == {"view": "succeeded"}
