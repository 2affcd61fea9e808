"""What `add_task` refuses in Flask, because it means nothing once the request is over."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import current_app, g, request, session
from werkzeug.datastructures import FileStorage
from werkzeug.local import LocalProxy

from bgtasks_adapters import BackgroundTasks, UnsafeArgumentError, add_task
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.site import Site


def keep(*values: object, **named: object) -> None:
    """Take anything; the task."""


class User:
    """Who is logged in, for a proxy as flask_login has it."""

    id = 7

    def greet(self, word: str) -> None:
        g.greeted = word


current_user: Any = LocalProxy(lambda: g.user)

PROXIES: dict[str, Any] = {
    "flask.request": request,
    "flask.session": session,
    "flask.g": g,
    "current_user": current_user,
}


def refusal(site: Site, add: Callable[[], object], **options: Any) -> str:
    """Return the message with which adding in a view is refused; nothing was queued."""
    messages: list[str] = []
    site.app.secret_key = "a secret"

    @site.app.route("/", methods=["GET", "POST"])
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> str:
        g.user = User()
        with pytest.raises(UnsafeArgumentError) as caught:
            add()
        messages.append(str(caught.value))
        assert tasks.tasks == []
        return "ok"

    assert site.ask(**options).text == "ok"
    assert site.events == []
    return messages[0]


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy(any_site: Site, name: str) -> None:
    """A context-bound proxy is refused, by its name, and the message says what to pass."""
    message = refusal(any_site, lambda: add_task(any_site.do, PROXIES[name]))
    assert name in message
    assert "argument 0" in message
    assert "user_id=current_user.id" in message


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("where", ["keyword", "list", "tuple", "dict"])
def test_a_proxy_inside(site: Site, name: str, where: str) -> None:
    """A proxy is found as a keyword and inside of lists, tuples and dicts, too."""
    proxy = PROXIES[name]
    inside: dict[str, Any] = {
        "keyword": proxy,
        "list": ["first", proxy],
        "tuple": ("first", proxy),
        "dict": {"key": proxy},
    }
    message = refusal(site, lambda: add_task(keep, about=inside[where]))
    assert name in message
    assert "argument 'about'" in message


def test_current_app_is_taken(site: Site) -> None:
    """`current_app` is no such argument: a task has an application context."""

    @site.app.route("/")
    def view() -> str:
        add_task(lambda app: site.do(app.name), current_app)
        return "ok"

    site.ask()
    assert site.done == ["site"]


def test_what_stands_behind_a_proxy_is_taken(site: Site) -> None:
    """An object that a proxy stands for, and its attributes and methods, can be passed."""

    @site.app.route("/")
    def view() -> str:
        g.user = User()
        add_task(lambda *values: site.done.extend(map(str, values)), current_user.id, request.path)
        add_task(current_user.greet, "hello")
        add_task(g.user.greet, "hello")
        return "ok"

    site.ask()
    assert site.done == ["7", "/"]
    assert [event.kind for event in site.events] == ["succeeded"] * 3


UPLOADS: dict[str, Callable[[FileStorage], object]] = {
    "argument": lambda upload: add_task(keep, upload),
    "keyword": lambda upload: add_task(keep, image=upload),
    "in a list": lambda upload: add_task(keep, [upload]),
    "in a dict": lambda upload: add_task(keep, {"image": upload}),
    "all files": lambda upload: add_task(keep, request.files),
    "files of a name": lambda upload: add_task(keep, request.files.getlist("image")),
    "its method": lambda upload: add_task(upload.save, "image.png"),
    "of a decorated view": lambda upload: add_task(keep, "words", upload),
}


@pytest.mark.parametrize("where", UPLOADS)
def test_an_upload(any_site: Site, where: str) -> None:
    """An uploaded file, which Flask closes, is refused, and the message shows how to copy it."""
    message = refusal(
        any_site,
        lambda: UPLOADS[where](request.files["image"]),
        method="POST",
        data={"image": (io.BytesIO(b"png"), "ada.png")},
    )
    assert "the uploaded file 'ada.png'" in message
    assert "data = upload.read()" in message
    assert "upload.save(path)" in message


def test_a_copy_of_an_upload(site: Site, tmp_path: Path) -> None:
    """The two copies that the message names are with the task when it runs."""
    path = tmp_path / "ada.png"

    @site.app.post("/")
    def view() -> str:
        upload = request.files["image"]
        data = upload.read()
        upload.seek(0)
        upload.save(path)
        add_task(lambda: site.done.extend((data.decode(), path.read_text())))
        return "ok"

    site.ask(method="POST", data={"image": (io.BytesIO(b"png"), "ada.png")})
    assert site.done == ["png", "png"]


def test_a_refusal_that_nobody_catches(site: Site) -> None:
    """An uncaught refusal is an error of the view, so that it is seen in development."""
    site.app.testing = True

    @site.app.route("/")
    def view() -> str:
        add_task(keep, request)
        return "ok"

    with pytest.raises(UnsafeArgumentError, match=r"flask\.request"):
        site.ask()
