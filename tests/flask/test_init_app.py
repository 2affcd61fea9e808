"""`init_app`: what it takes in, how often it may be called, and what may stand around it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Blueprint, Flask, g
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from bgtasks_adapters import add_task
from bgtasks_adapters.flask import init_app
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware
from tests.flask.site import Site, wait_for_tasks


def add_views(site: Site, endpoint: str) -> None:
    """Add a view that returns an error page and one that aborts; each queues a task."""

    @site.app.route(f"/{endpoint}/refused", endpoint=f"{endpoint}-refused")
    def refused() -> tuple[str, int]:
        add_task(site.do, f"{endpoint} refused")
        return "refused", 404

    @site.app.route(f"/{endpoint}/raised", endpoint=f"{endpoint}-raised")
    def raised() -> str:
        add_task(site.do, f"{endpoint} raised")
        raise LookupError(endpoint)


def test_routes_before_and_after() -> None:
    """The fate of a view is seen whether it was added before or after `init_app`."""
    site = Site()
    add_views(site, "early")
    site.install()
    add_views(site, "late")
    for endpoint in ("early", "late"):
        assert site.ask(f"/{endpoint}/refused").status_code == 404
        assert site.ask(f"/{endpoint}/raised").status_code == 500
    assert site.fates == {
        "early refused": "succeeded",
        "early raised": "skipped",
        "late refused": "succeeded",
        "late raised": "skipped",
    }


def test_a_blueprint_registered_after() -> None:
    """The views of a blueprint that is registered after `init_app` can queue tasks."""
    site = Site().install()
    blueprint = Blueprint("members", __name__, url_prefix="/members")

    @blueprint.route("/refused")
    def refused() -> tuple[str, int]:
        add_task(site.do, "member")
        return "refused", 403

    site.app.register_blueprint(blueprint)
    assert site.ask("/members/refused").status_code == 403
    assert site.fates == {"member": "succeeded"}


def test_an_application_factory() -> None:
    """Applications made by one factory keep their tasks, settings and contexts apart."""

    def create_app(name: str) -> Site:
        site = Site(name)

        @site.app.route("/")
        def view() -> str:
            g.owner = "view"
            add_task(site.do_in_context, "task")
            return "ok"

        return site.install()

    first, second = create_app("first"), create_app("second")
    assert first.ask().status_code == second.ask().status_code == first.ask().status_code == 200
    assert first.done == ["task in first of nobody"] * 2
    assert second.done == ["task in second of nobody"]
    assert (len(first.events), len(second.events)) == (2, 1)


def test_twice_on_one_application(site: Site) -> None:
    """A second `init_app` on one application is refused, naming the application."""
    with pytest.raises(RuntimeError, match=r"init_app was called before on 'site'.* Remove") as e:
        init_app(site.app)
    assert "app.config" in str(e.value)


@pytest.mark.parametrize("what", [5, None, Flask, "site"])
def test_what_is_no_application(what: Any) -> None:
    """`init_app` of something else says what it was given, and what to pass."""
    with pytest.raises(TypeError, match=r"init_app\(.*\).*Pass the Flask application"):
        init_app(what)


def test_other_middleware_around(site: Site) -> None:
    """Other WSGI middleware may be put around the application afterwards."""

    @site.app.route("/")
    def view() -> str:
        add_task(site.do, "task")
        return "ok"

    site.app.wsgi_app = ProxyFix(site.app.wsgi_app)  # type: ignore[method-assign]
    assert site.ask().status_code == 200
    assert site.fates == {"task": "succeeded"}


def test_the_boundary_around(site: Site) -> None:
    """Below a WSGI boundary the outer settings win; tasks still have their Flask context."""
    outer = Site()

    @site.app.route("/")
    def view() -> tuple[str, int]:
        g.owner = "view"
        add_task(site.do_in_context, "task")
        return "refused", 404

    client = Client(BackgroundTasksMiddleware(site.app, **outer.settings))
    assert client.get("/", buffered=True).status_code == 404
    wait_for_tasks()
    assert (outer.fates, site.fates) == ({"task": "succeeded"}, {})
    assert site.done == ["task in site of nobody"]


def test_a_mounted_application() -> None:
    """An application mounted in another shares its response and keeps its own context."""
    outer, inner = Site("outer"), Site("inner").install()

    @inner.app.route("/")
    def view() -> str:
        g.owner = "view"
        add_task(inner.do_in_context, "task")
        return "inner"

    mounted = DispatcherMiddleware(outer.app.wsgi_app, {"/inner": inner.app})
    outer.app.wsgi_app = mounted  # type: ignore[method-assign]
    outer.install()
    assert outer.ask("/inner/").text == "inner"
    assert inner.done == ["task in inner of nobody"]
    assert (outer.fates, inner.fates) == ({"task": "succeeded"}, {})


def test_generator_views(site: Site) -> None:
    """A view may be a generator function, as Flask allows; it streams and its tasks run."""

    @site.app.route("/")
    def view():  # type: ignore[no-untyped-def]
        add_task(site.do, "first")
        yield "a"
        add_task(site.do, "second")
        yield "b"

    assert site.ask().text == "ab"
    assert site.fates == {"first": "succeeded", "second": "succeeded"}


def test_view_attributes_are_kept(site: Site) -> None:
    """What extensions have put on a view, and its name, is still there when it is watched."""

    def view() -> str:
        return "ok"

    vars(view)["is_exempt"] = True
    site.app.add_url_rule("/", view_func=view)
    assert site.ask().text == "ok"
    registered = site.app.view_functions["view"]
    assert registered is not view
    assert (registered.__name__, registered.__module__) == (view.__name__, view.__module__)
    assert vars(registered)["is_exempt"] is True


def test_after_the_first_request(caplog: pytest.LogCaptureFixture) -> None:
    """Called too late to watch the views, `init_app` says so, and tasks go by the status."""
    site = Site()

    @site.app.route("/<int:status>")
    def view(status: int) -> tuple[str, int]:
        if site.app.extensions:
            add_task(site.do, f"{status}")
        return "answered", status

    site.ask("/200")
    site.install()
    with caplog.at_level(logging.WARNING, "bgtasks_adapters"):
        site.ask("/200")
        site.ask("/404")
    assert [record.name for record in caplog.records] == ["bgtasks_adapters"]
    assert "Views cannot be watched" in caplog.text
    assert site.fates == {"200": "succeeded", "404": "skipped"}


def test_an_application_without_it_is_left_alone() -> None:
    """An application beside it, without `init_app`, is not touched."""
    Site("with").install()
    app = Flask("without", static_folder=None)

    @app.route("/")
    def view() -> str:
        return "ok"

    assert app.test_client().get("/", buffered=True).text == "ok"
    assert app.view_functions["view"] is view
    assert app.extensions == {}
