"""Every kind of body, with and without `init_app`: tasks run at its end, and it arrives whole."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from quart import Response, request, send_file, stream_with_context

from bgtasks_adapters import BackgroundTasks, add_task
from bgtasks_adapters.quart import with_background_tasks
from tests.quart.site import Site, wait_for_tasks

pytestmark = pytest.mark.anyio

BODY = b"abc" * 1000


@pytest.fixture
def file_site(any_site: Site, tmp_path: Path) -> Site:
    """A site whose view sends a file, from the disk or from memory, and queues a task."""
    path = tmp_path / "file.txt"
    path.write_bytes(BODY)

    @any_site.app.route("/<source>")
    @with_background_tasks
    async def view(source: str, tasks: BackgroundTasks) -> Response:
        tasks.add_task(any_site.do, source)
        where = path if source == "disk" else io.BytesIO(BODY)
        return await send_file(where, mimetype="text/plain", conditional=True)

    return any_site


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("source", ["disk", "memory"])
async def test_send_file(file_site: Site, source: str, method: str) -> None:
    """A file arrives whole, and the task runs."""
    response = await file_site.ask(f"/{source}", method)
    assert method == "HEAD" or await response.get_data() == BODY
    assert file_site.fates == {source: "succeeded"}


@pytest.mark.parametrize(("part", "status"), [("3-5", 206), ("999999-", 416)])
async def test_a_range_of_a_file(file_site: Site, part: str, status: int) -> None:
    """A part of a file runs the task; a range that cannot be satisfied is raised by Quart."""
    response = await file_site.ask("/disk", headers={"Range": f"bytes={part}"})
    assert response.status_code == status
    assert file_site.fates == {"disk": "skipped" if status == 416 else "succeeded"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 302, 304, 404])
async def test_every_status(any_site: Site, method: str, status: int) -> None:
    """Whatever its status and method, a returned response runs its tasks."""

    @any_site.app.route("/")
    @with_background_tasks
    async def view(tasks: BackgroundTasks) -> Response:
        tasks.add_task(any_site.do, "task")
        return Response(b"" if status in (204, 304) else BODY, status, {"Location": "/"})

    assert (await any_site.ask(method=method)).status_code == status
    assert any_site.fates == {"task": "succeeded"}


@pytest.mark.parametrize("is_async", [False, True], ids=["generator", "async generator"])
async def test_a_stream_adds_tasks(site: Site, is_async: bool) -> None:
    """A body adds tasks while it is sent; they run at its end, after those of the view."""

    @site.app.route("/<word>")
    async def view(word: str) -> Response:
        @stream_with_context
        async def async_body() -> AsyncIterator[bytes]:
            add_task(site.do, request.path)
            yield b"a"
            await wait_for_tasks()
            assert site.done == []
            add_task(site.do, "at the end")
            yield b"b"

        def body() -> Iterator[bytes]:
            add_task(site.do, f"/{word}")
            yield b"a"
            add_task(site.do, "at the end")
            yield b"b"

        add_task(site.do, "view")
        return Response(async_body() if is_async else body())

    assert await (await site.ask("/page")).get_data() == b"ab"
    assert site.done == ["view", "/page", "at the end"]
    assert set(site.fates.values()) == {"succeeded"}
