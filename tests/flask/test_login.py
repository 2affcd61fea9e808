"""Flask-Login: its `current_user` is refused, and what to pass instead works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask_login import (  # type: ignore[import-untyped]
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
)

from bgtasks_adapters import BackgroundTasks, UnsafeArgumentError
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.site import Site, wait_for_tasks

PASSED: dict[str, Callable[[Any], Any]] = {
    "argument": lambda user: user,
    "in a list": lambda user: [user],
    "in a dict": lambda user: {"user": user},
}


class User(UserMixin):  # type: ignore[misc]
    """Who is logged in."""

    def __init__(self, id: str) -> None:
        self.id = id


@pytest.fixture
def login_site(any_site: Site) -> Site:
    """An application where `/login` logs the user 7 in."""
    any_site.app.secret_key = "a secret"
    LoginManager(any_site.app).user_loader(User)

    @any_site.app.route("/login")
    def login() -> str:
        login_user(User("7"))
        return "logged in"

    return any_site


def ask_as_user(site: Site) -> str:
    client = site.app.test_client()
    assert client.get("/login", buffered=True).text == "logged in"
    answer = client.get("/", buffered=True).text
    wait_for_tasks()
    return answer


def pass_user(site: Site, tasks: BackgroundTasks, how: str) -> str:
    """Try to pass `current_user`; return the message with which it is refused."""
    with pytest.raises(UnsafeArgumentError) as caught:
        tasks.add_task(site.do, PASSED[how](current_user))
    tasks.add_task(site.do, current_user.id)
    return str(caught.value)


@pytest.mark.parametrize("how", PASSED)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_current_user_is_refused(login_site: Site, kind: str, how: str) -> None:
    """The proxy is refused by its name; its id, which the message tells to pass, arrives."""

    @login_required  # type: ignore[untyped-decorator]
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        return pass_user(login_site, tasks, how)

    @login_required  # type: ignore[untyped-decorator]
    @with_background_tasks
    async def async_view(tasks: BackgroundTasks) -> str:
        return pass_user(login_site, tasks, how)

    login_site.app.add_url_rule("/", "view", view if kind == "def" else async_view)
    message = ask_as_user(login_site)
    assert "flask_login.current_user" in message
    assert "user_id=current_user.id" in message
    assert login_site.done == ["7"]
    assert login_site.fates == {"7": "succeeded"}


def test_nobody_is_logged_in(login_site: Site) -> None:
    """`login_required` answers in the view's place, and nothing was added."""

    @login_site.app.route("/")
    @login_required  # type: ignore[untyped-decorator]
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        raise AssertionError("not reached")

    assert login_site.ask().status_code == 401
    assert login_site.events == []
