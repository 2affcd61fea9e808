"""What `add_task` refuses in Quart, because it means nothing once the request is over."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from quart import current_app, g, request, session, websocket
from quart.datastructures import FileStorage
from werkzeug.local import LocalProxy

from bgtasks_adapters import BackgroundTasks, UnsafeArgumentError, add_task
from bgtasks_adapters.quart import with_background_tasks
from tests.quart.site import Site

pytestmark = pytest.mark.anyio


def keep(*values: object, **named: object) -> None:
    """Take anything; the task."""


current_user: Any = LocalProxy(lambda: g.user)

PROXIES: dict[str, Any] = {
    "quart.request": request,
    "quart.session": session,
    "quart.g": g,
    "current_user": current_user,
}


async def refusal(site: Site, add: Callable[[], object], **options: Any) -> str:
    """Return the message with which adding in a view is refused; nothing was queued."""
    messages: list[str] = []
    site.app.secret_key = "a secret"

    @site.app.route("/", methods=["GET", "POST"])
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> str:
        g.user = object()
        g.files = await request.files
        with pytest.raises(UnsafeArgumentError) as caught:
            add()
        messages.append(str(caught.value))
        assert tasks.tasks == []
        return "ok"

    assert (await site.ask(**options)).status_code == 200
    assert site.events == []
    return messages[0]


@pytest.mark.parametrize("name", PROXIES)
async def test_a_proxy(any_site: Site, name: str) -> None:
    """A context-bound proxy is refused, by its name, and the message says what to pass."""
    message = await refusal(any_site, lambda: add_task(any_site.do, PROXIES[name]))
    assert name in message
    assert "argument 0" in message
    assert "user_id=current_user.id" in message


@pytest.mark.parametrize("name", PROXIES)
async def test_a_proxy_inside(site: Site, name: str) -> None:
    """A proxy is found inside of a container, too."""
    message = await refusal(site, lambda: add_task(keep, about={"key": [PROXIES[name]]}))
    assert name in message
    assert "argument 'about'" in message


async def test_the_websocket(site: Site) -> None:
    """`quart.websocket` is refused in the view of a websocket."""

    @site.app.websocket("/")
    async def endpoint() -> None:
        with pytest.raises(UnsafeArgumentError, match=r"quart\.websocket") as caught:
            add_task(keep, websocket)
        await websocket.send(str(caught.value))

    async with site.app.test_client().websocket("/") as connection:
        assert "path=request.path" in str(await connection.receive())


async def test_current_app_is_taken(site: Site) -> None:
    """`current_app` is no such argument: a task has an application context."""

    @site.app.route("/")
    async def view() -> str:
        add_task(lambda app: site.do(app.name), current_app)
        return "ok"

    await site.ask()
    assert site.done == ["site"]


UPLOADS: dict[str, Callable[[], object]] = {
    "argument": lambda: add_task(keep, g.files["image"]),
    "in a list": lambda: add_task(keep, [g.files["image"]]),
    "all files": lambda: add_task(keep, g.files),
    "its method": lambda: add_task(g.files["image"].save, "image.png"),
}


@pytest.mark.parametrize("where", UPLOADS)
async def test_an_upload(any_site: Site, where: str) -> None:
    """An uploaded file, which Quart closes, is refused, and the message shows how to copy it."""
    image = FileStorage(io.BytesIO(b"png"), filename="ada.png")
    message = await refusal(any_site, UPLOADS[where], method="POST", files={"image": image})
    assert "the uploaded file 'ada.png'" in message
    assert "data = upload.read()" in message
    assert "await upload.save(path)" in message
