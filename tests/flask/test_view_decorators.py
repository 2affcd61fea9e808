"""Decorators of an application's own, on blueprints and class-based views, above ours and below."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

import pytest
from flask import Blueprint, abort, current_app, redirect
from flask.views import MethodView, View

from bgtasks_adapters import BackgroundTasks, MissingParameterError, add_task
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.site import Site

ViewFunction = Callable[..., Any]


def with_wraps(view: ViewFunction) -> ViewFunction:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return current_app.ensure_sync(view)(*args, **kwargs)

    return wrapper


def without_wraps(view: ViewFunction) -> ViewFunction:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return current_app.ensure_sync(view)(*args, **kwargs)

    return wrapper


def redirecting(view: ViewFunction) -> ViewFunction:
    """Abort by a redirect once the view has returned: inside of what Flask calls the view."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        current_app.ensure_sync(view)(*args, **kwargs)
        abort(redirect("/login"))

    return wrapper


def view_of(site: Site, kind: str) -> ViewFunction:
    """Return an undecorated view with the parameter."""

    def view(name: str, tasks: BackgroundTasks) -> str:
        tasks.add_task(site.do, name)
        return name

    async def async_view(name: str, tasks: BackgroundTasks) -> str:
        tasks.add_task(site.do_async, name)
        return name

    return view if kind == "def" else async_view


def ask_blueprint(site: Site, view: ViewFunction) -> int:
    """Ask the view as one of a blueprint, for the name "ada"; return the status."""
    blueprint = Blueprint("members", __name__)
    blueprint.add_url_rule("/<name>", "profile", view)
    site.app.register_blueprint(blueprint, url_prefix="/members")
    return site.ask("/members/ada").status_code


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("other", [with_wraps, without_wraps])
def test_below_another_decorator(
    any_site: Site, kind: str, other: Callable[[ViewFunction], ViewFunction]
) -> None:
    """Below another decorator ours works, whether that one uses `functools.wraps` or not."""
    assert ask_blueprint(any_site, other(with_background_tasks(view_of(any_site, kind)))) == 200
    assert any_site.fates == {"ada": "succeeded"}


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_above_another_decorator(any_site: Site, kind: str) -> None:
    """Above another decorator ours finds the parameter through its `functools.wraps`."""
    assert (
        ask_blueprint(any_site, with_background_tasks(with_wraps(view_of(any_site, kind)))) == 200
    )
    assert any_site.fates == {"ada": "succeeded"}


def test_above_a_decorator_that_hides_the_view(any_site: Site) -> None:
    """Without `functools.wraps` there is no parameter to be seen: an error where it is written."""
    with pytest.raises(MissingParameterError, match="BackgroundTasks"):
        with_background_tasks(without_wraps(view_of(any_site, "def")))


def test_add_task_needs_no_decorator(site: Site) -> None:
    """With `init_app`, `add_task` works below any decorators."""

    def view(name: str) -> str:
        add_task(site.do, name)
        return name

    assert ask_blueprint(site, without_wraps(with_wraps(view))) == 200
    assert site.fates == {"ada": "succeeded"}


def test_a_decorator_that_aborts_with_init_app(site: Site) -> None:
    """What was registered is the view: what aborts in there skips the tasks, also by a redirect."""
    assert ask_blueprint(site, redirecting(with_background_tasks(view_of(site, "def")))) == 302
    assert site.fates == {"ada": "skipped"}


def test_a_decorator_that_aborts_with_the_decorator_alone(bare_site: Site) -> None:
    """Alone, our decorator knows of what stands below it: there, the view returned."""
    view = with_background_tasks(view_of(bare_site, "def"))
    assert ask_blueprint(bare_site, redirecting(view)) == 302
    assert bare_site.fates == {"ada": "succeeded"}


def test_the_decorators_of_a_method_view(any_site: Site) -> None:
    """`decorators` go around all methods, each of which may have ours."""

    class Member(MethodView):
        decorators: ClassVar[list[ViewFunction]] = [with_wraps, without_wraps]

        @with_background_tasks
        def get(self, name: str, tasks: BackgroundTasks) -> str:
            tasks.add_task(any_site.do, f"get {name}")
            return name

        @with_wraps
        @with_background_tasks
        async def delete(self, name: str, tasks: BackgroundTasks) -> str:
            tasks.add_task(any_site.do_async, f"delete {name}")
            return name

    any_site.app.add_url_rule("/<name>", view_func=Member.as_view("member"))
    assert any_site.ask("/ada").status_code == 200
    assert any_site.ask("/ada", "DELETE").status_code == 200
    assert any_site.fates == {"get ada": "succeeded", "delete ada": "succeeded"}


@pytest.mark.parametrize("base", [MethodView, View])
def test_ours_among_the_decorators_of_a_class(any_site: Site, base: type[View]) -> None:
    """In `decorators` ours is refused at once: the function made there has no such parameter."""

    class Member(base):  # type: ignore[valid-type, misc]
        decorators: ClassVar[list[ViewFunction]] = [with_background_tasks]

        def dispatch_request(self) -> str:
            return "not reached"

    with pytest.raises(MissingParameterError, match="BackgroundTasks"):
        Member.as_view("member")
