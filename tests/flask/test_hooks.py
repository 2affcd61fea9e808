"""Request hooks: they add tasks, and decide over a view's tasks only by what they raise."""

from __future__ import annotations

from flask import Response, abort, after_this_request, url_for
from werkzeug.routing import BuildError

from bgtasks_adapters import BackgroundTasks, add_task
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.site import Site


def test_every_hook_around_a_view(site: Site) -> None:
    """Tasks of all hooks and the view run in the order in which they were added."""
    app = site.app

    @app.before_request
    def before() -> None:
        add_task(site.do, "before")

    @app.after_request
    def after(response: Response) -> Response:
        add_task(site.do, "after")
        return response

    @app.teardown_request
    def tear_down(error: BaseException | None) -> None:
        add_task(site.do, "teardown")

    @app.route("/")
    def view() -> str:
        @after_this_request
        def after_this(response: Response) -> Response:
            add_task(site.do, "after this")
            return response

        add_task(site.do_async, "view")
        return "ok"

    assert site.ask().text == "ok"
    assert site.done == ["before", "view", "after this", "after", "teardown"]
    assert set(site.fates.values()) == {"succeeded"}


def test_async_hooks(site: Site) -> None:
    """Hooks may be async functions."""

    @site.app.before_request
    async def before() -> None:
        add_task(site.do, "before")

    @site.app.after_request
    async def after(response: Response) -> Response:
        add_task(site.do_async, "after")
        return response

    @site.app.route("/")
    async def view() -> str:
        add_task(site.do, "view")
        return "ok"

    assert site.ask().text == "ok"
    assert site.done == ["before", "view", "after"]


def test_hooks_around_a_view_that_aborts(site: Site) -> None:
    """What hooks add behind a view that raised is judged by the response, so it runs."""

    @site.app.before_request
    def before() -> None:
        add_task(site.do, "before")

    @site.app.after_request
    def after(response: Response) -> Response:
        add_task(site.do, "after")
        return response

    @site.app.teardown_request
    def tear_down(error: BaseException | None) -> None:
        add_task(site.do, "teardown")

    @site.app.route("/")
    def view() -> str:
        abort(404)

    site.ask()
    assert site.fates == {"before": "skipped", "after": "succeeded", "teardown": "succeeded"}


def test_a_hook_that_answers_in_the_place_of_the_view(site: Site) -> None:
    """The tasks of a `before_request` that returns a response run."""

    @site.app.before_request
    def before() -> str:
        add_task(site.do, "before")
        return "answered early"

    @site.app.route("/")
    def view() -> str:
        raise AssertionError("not reached")

    assert site.ask().text == "answered early"
    assert site.fates == {"before": "succeeded"}


def test_a_hook_that_handles_an_error_of_its_own(site: Site) -> None:
    """An exception that a hook caught itself, raised by Flask or not, decides nothing."""

    @site.app.before_request
    def before() -> None:
        add_task(site.do, "first")
        try:
            url_for("no such endpoint")
        except BuildError:
            add_task(site.do, "second")

    @site.app.route("/")
    def view() -> str:
        add_task(site.do, "view")
        return "ok"

    assert site.ask().text == "ok"
    assert site.fates == dict.fromkeys(("first", "second", "view"), "succeeded")


def test_a_replaced_response(site: Site) -> None:
    """Tasks survive an `after_request` function that makes another response."""

    @site.app.after_request
    def replace(response: Response) -> Response:
        return Response("other", 202)

    @site.app.route("/")
    def view() -> str:
        add_task(site.do, "view")
        return "ok"

    assert site.ask().status_code == 202
    assert site.fates == {"view": "succeeded"}


def test_a_helper_of_a_hook_is_no_view(site: Site) -> None:
    """A decorated helper that a hook calls says nothing about the fate of the hook."""

    @with_background_tasks
    def note(word: str, *, tasks: BackgroundTasks | None = None) -> None:
        assert tasks is not None
        tasks.add_task(site.do, word)

    @site.app.before_request
    def refuse() -> None:
        note("before")
        abort(403)

    @site.app.errorhandler(403)
    def refused(error: Exception) -> tuple[str, int]:
        note("in the handler")
        return "refused", 403

    site.ask()
    assert site.fates == {"before": "skipped", "in the handler": "succeeded"}


def test_a_helper_of_a_hook_before_a_decorated_view(any_site: Site) -> None:
    """The view's fate is seen, too, where a decorated helper ran before it."""

    @with_background_tasks
    def note(word: str, *, tasks: BackgroundTasks | None = None) -> None:
        assert tasks is not None
        tasks.add_task(any_site.do, word)

    @any_site.app.before_request
    def before() -> None:
        note("before")

    @any_site.app.route("/<how>")
    @with_background_tasks
    def view(how: str, tasks: BackgroundTasks) -> str:
        tasks.add_task(any_site.do, how)
        if how == "abort":
            abort(403)
        return "ok"

    any_site.ask("/abort")
    assert any_site.fates == {"before": "skipped", "abort": "skipped"}
    any_site.events.clear()
    any_site.ask("/return")
    assert any_site.fates == {"before": "succeeded", "return": "succeeded"}
