"""`init_app`: what it takes in, how often it may be called, and what may stand around it."""

from __future__ import annotations

from typing import Any

import flask
import pytest
from quart import Blueprint, Quart, g
from starlette.applications import Starlette
from starlette.routing import Mount

from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.exchanges import Receive, Scope, Send
from bgtasks_adapters.quart import init_app
from tests.quart.site import Site

pytestmark = pytest.mark.anyio


def add_views(site: Site, endpoint: str) -> None:
    """Add a view that returns an error page and one that raises; each queues a task."""

    @site.app.route(f"/{endpoint}/refused", endpoint=f"{endpoint}-refused")
    def refused() -> tuple[str, int]:
        add_task(site.do, f"{endpoint} refused")
        return "refused", 404

    @site.app.route(f"/{endpoint}/raised", endpoint=f"{endpoint}-raised")
    async def raised() -> str:
        add_task(site.do, f"{endpoint} raised")
        raise LookupError(endpoint)


async def test_routes_before_and_after() -> None:
    """The fate of a view is seen whether it was added before or after `init_app`."""
    site = Site()
    add_views(site, "early")
    site.install()
    add_views(site, "late")
    for endpoint in ("early", "late"):
        assert (await site.ask(f"/{endpoint}/refused")).status_code == 404
        assert (await site.ask(f"/{endpoint}/raised")).status_code == 500
    assert site.fates == {
        "early refused": "succeeded",
        "early raised": "skipped",
        "late refused": "succeeded",
        "late raised": "skipped",
    }


async def test_a_blueprint_registered_after(site: Site) -> None:
    """The views of a blueprint that is registered after `init_app` are watched, too."""
    blueprint = Blueprint("members", __name__, url_prefix="/members")

    @blueprint.route("/refused")
    async def refused() -> tuple[str, int]:
        add_task(site.do, "member")
        return "refused", 403

    site.app.register_blueprint(blueprint)
    assert (await site.ask("/members/refused")).status_code == 403
    assert site.fates == {"member": "succeeded"}


async def test_applications_of_a_factory() -> None:
    """Applications made by one factory keep their tasks, settings and contexts apart."""

    def create_app(name: str) -> Site:
        site = Site(name)

        @site.app.route("/")
        async def view() -> str:
            g.owner = "view"
            add_task(site.do_in_context, "task")
            return "ok"

        return site.install()

    first, second = create_app("first"), create_app("second")
    await first.ask()
    await second.ask()
    assert first.done == ["task in first of nobody"]
    assert second.done == ["task in second of nobody"]
    assert (len(first.events), len(second.events)) == (1, 1)


def test_twice_on_one_application(site: Site) -> None:
    """A second `init_app` on one application is refused, naming the application."""
    with pytest.raises(RuntimeError, match=r"init_app was called before on 'site'.* Remove") as e:
        init_app(site.app)
    assert "app.config" in str(e.value)


@pytest.mark.parametrize("what", [5, None, Quart, flask.Flask("site")])
def test_what_is_no_application(what: Any) -> None:
    """`init_app` of something else, Flask's too, says what it was given, and what to pass."""
    with pytest.raises(TypeError, match=r"init_app\(.*\).*Pass the Quart application"):
        init_app(what)


async def test_other_middleware_around(site: Site) -> None:
    """Other ASGI middleware may be put around the application afterwards."""
    inner: Any = site.app.asgi_app
    seen: list[str] = []

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        await inner(scope, receive, send)

    @site.app.route("/")
    async def view() -> str:
        add_task(site.do, "task")
        return "ok"

    site.app.asgi_app = middleware  # type: ignore[assignment]
    await site.ask()
    assert seen == ["http"]
    assert site.fates == {"task": "succeeded"}


async def test_the_boundary_around(site: Site) -> None:
    """Below an ASGI boundary the outer settings win; tasks still have their Quart context."""
    outer = Site()

    @site.app.route("/")
    async def view() -> tuple[str, int]:
        g.owner = "view"
        add_task(site.do_in_context, "task")
        return "refused", 404

    inner: Any = site.app.asgi_app
    around: Any = BackgroundTasksMiddleware(inner, **outer.settings)
    site.app.asgi_app = around  # type: ignore[method-assign]
    await site.ask()
    assert (outer.fates, site.fates) == ({"task": "succeeded"}, {})
    assert site.done == ["task in site of nobody"]


async def test_below_a_mount(site: Site) -> None:
    """An application mounted in another shares its response and keeps its own context."""
    outer = Site("outer")

    @site.app.route("/")
    async def view() -> tuple[str, int]:
        add_task(site.do_in_context, "task")
        return "inner", 404

    inner: Any = site.app
    mounting = Starlette(routes=[Mount("/inner", app=inner)])
    around: Any = BackgroundTasksMiddleware(mounting, **outer.settings)
    outer.app.asgi_app = around  # type: ignore[method-assign]
    assert await (await outer.ask("/inner/")).get_data(as_text=True) == "inner"
    assert (outer.fates, site.fates) == ({"task": "succeeded"}, {})
    assert site.done == ["task in site of nobody"]


async def test_view_attributes_are_kept(site: Site) -> None:
    """What extensions have put on a view, and its name, is still there when it is watched."""

    async def view() -> str:
        return "ok"

    vars(view)["is_exempt"] = True
    site.app.add_url_rule("/", view_func=view)
    await site.ask()
    registered = site.app.view_functions["view"]
    assert registered is not view
    assert (registered.__name__, registered.__module__) == (view.__name__, view.__module__)
    assert vars(registered)["is_exempt"] is True


async def test_after_the_first_request() -> None:
    """Called behind the first request, `init_app` works from the next one on."""
    site = Site()
    add_views(site, "page")
    await site.ask("/page/nothing")
    site.install()
    assert (await site.ask("/page/refused")).status_code == 404
    assert site.fates == {"page refused": "succeeded"}


async def test_an_application_without_it_is_left_alone() -> None:
    """An application beside it, without `init_app`, is not touched."""
    Site("with").install()
    without = Site("without")

    @without.app.route("/")
    async def view() -> str:
        return "ok"

    await without.ask()
    assert without.app.view_functions["view"] is view
    assert without.app.extensions == {}
