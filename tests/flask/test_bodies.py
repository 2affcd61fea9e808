"""Every kind of body, with and without `init_app`: tasks run at its end, and it arrives whole."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from flask import Response, request, send_file, stream_with_context
from werkzeug.test import TestResponse

from bgtasks_adapters import BackgroundTasks, add_task
from bgtasks_adapters.flask import with_background_tasks
from tests.flask.site import Site, wait_for_tasks

BODY = b"abc" * 1000


class ServerFileWrapper(FileWrapper):
    """The file wrapper of a server, which takes its own kind of body only."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def file_site(any_site: Site, file: Path) -> Site:
    """A site whose view sends a file, from the disk or from memory, and queues a task."""

    @any_site.app.route("/<source>")
    @with_background_tasks
    def view(source: str, tasks: BackgroundTasks) -> Response:
        tasks.add_task(any_site.do, source)
        where = file if source == "disk" else io.BytesIO(BODY)
        return send_file(where, download_name="file.txt", etag="tag", conditional=True)

    return any_site


@pytest.mark.parametrize("source", ["disk", "memory"])
def test_send_file(file_site: Site, source: str) -> None:
    """A file arrives whole, and the task runs."""
    assert file_site.ask(f"/{source}").data == BODY
    assert file_site.fates == {source: "succeeded"}


@pytest.mark.parametrize("source", ["disk", "memory"])
def test_send_file_with_the_wrapper_of_a_server(file_site: Site, source: str) -> None:
    """The server gets its own file wrapper back, and `close()` on it starts the tasks."""
    environ = {"wsgi.file_wrapper": ServerFileWrapper}
    bodies: list[Any] = []
    inner = file_site.app.wsgi_app

    def server(environ: Any, start_response: Any) -> Any:
        bodies.append(inner(environ, start_response))
        return bodies[0]

    file_site.app.wsgi_app = server  # type: ignore[method-assign]
    response = file_site.app.test_client().get(f"/{source}", environ_overrides=environ)
    assert type(bodies[0]) is ServerFileWrapper
    assert response.data == BODY
    assert file_site.done == []
    response.close()
    wait_for_tasks()
    assert file_site.fates == {source: "succeeded"}


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({"If-None-Match": '"tag"'}, 304, b""),
        ({"Range": "bytes=3-5"}, 206, b"abc"),
        ({"Range": "bytes=999999-"}, 416, None),
    ],
    ids=["not modified", "range", "unsatisfiable range"],
)
def test_send_part_of_a_file(
    file_site: Site, headers: dict[str, str], status: int, body: bytes | None
) -> None:
    """Conditional answers run the task; a range that cannot be satisfied is raised by Flask."""
    response = file_site.ask("/disk", headers=headers)
    assert response.status_code == status
    assert body is None or response.data == body
    assert file_site.fates == {"disk": "skipped" if status == 416 else "succeeded"}


@pytest.mark.parametrize("source", ["disk", "memory"])
def test_head_of_a_file(file_site: Site, source: str) -> None:
    """A HEAD request for a file runs the task."""
    response = file_site.ask(f"/{source}", "HEAD")
    assert (response.status_code, response.data) == (200, b"")
    assert file_site.fates == {source: "succeeded"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 205, 302, 304, 404])
def test_every_status(any_site: Site, method: str, status: int) -> None:
    """Whatever its status and method, a returned response runs its tasks."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> Response:
        tasks.add_task(any_site.do, "task")
        return Response(b"" if status in (204, 304) else BODY, status, {"Location": "/"})

    assert any_site.ask(method=method).status_code == status
    assert any_site.fates == {"task": "succeeded"}


def test_a_conditional_response(any_site: Site) -> None:
    """A response that turns out to be not modified runs its tasks."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> Response:
        tasks.add_task(any_site.do, "task")
        response = Response(BODY)
        response.set_etag("tag")
        response.make_conditional(request)
        return response

    response = any_site.ask(headers={"If-None-Match": '"tag"'})
    assert (response.status_code, response.data) == (304, b"")
    assert any_site.fates == {"task": "succeeded"}


# Streams


def read_part(response: TestResponse, part: bytes) -> None:
    """Read the next part of a stream, which must be this."""
    parts = response.response
    assert isinstance(parts, Iterator)
    assert next(parts) == part


@pytest.mark.parametrize("has_request", [False, True])
def test_a_stream_adds_tasks(site: Site, has_request: bool) -> None:
    """A body adds tasks while it is sent; they run at its end, after those of the view."""

    @site.app.route("/<word>")
    def view(word: str) -> Response:
        def body() -> Iterator[bytes]:
            add_task(site.do, f"{request.view_args}" if has_request else "streaming")
            yield b"a"
            yield b"b"
            add_task(site.do, "at the end")

        add_task(site.do, "view")
        return Response(stream_with_context(body()) if has_request else body())

    response = site.app.test_client().get("/page")
    read_part(response, b"a")
    wait_for_tasks()
    assert site.done == []
    assert response.data == b"b"
    response.close()
    wait_for_tasks()
    expected = "{'word': 'page'}" if has_request else "streaming"
    assert site.done == ["view", expected, "at the end"]
    assert set(site.fates.values()) == {"succeeded"}


def test_a_stream_of_a_decorated_view(any_site: Site) -> None:
    """The collection that a view was given can be filled by its body, too."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> Response:
        def body() -> Iterator[bytes]:
            yield b"a"
            tasks.add_task(any_site.do, request.path)

        return Response(stream_with_context(body()))

    assert any_site.ask().data == b"a"
    assert any_site.fates == {"/": "succeeded"}


def test_a_stream_that_fails(site: Site) -> None:
    """The view has returned: its tasks run, also where its body raises; the outcome says so."""

    @site.app.route("/")
    def view() -> Response:
        def body() -> Iterator[bytes]:
            yield b"a"
            raise OSError("the source is gone")

        add_task(site.do, "task")
        return Response(body())

    response = site.app.test_client().get("/")
    read_part(response, b"a")
    with pytest.raises(OSError, match="the source is gone"):
        response.get_data()
    response.close()
    wait_for_tasks()
    assert site.fates == {"task": "succeeded"}
    outcome = site.events[0].outcome
    assert outcome is not None
    assert (outcome.returned, type(outcome.error)) == (True, OSError)


def test_a_stream_that_the_client_leaves(any_site: Site) -> None:
    """Where the client leaves in the middle, the tasks run; the body's own clean-up is heard."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> Response:
        def body() -> Iterator[bytes]:
            try:
                yield b"a"
                yield b"never asked for"
            finally:
                tasks.add_task(any_site.do, "clean-up")

        tasks.add_task(any_site.do, "view")
        return Response(body())

    response = any_site.app.test_client().get("/")
    read_part(response, b"a")
    response.close()
    wait_for_tasks()
    assert any_site.done == ["view", "clean-up"]
    assert set(any_site.fates.values()) == {"succeeded"}


def test_the_outcome_of_a_client_that_leaves(site: Site) -> None:
    """With `init_app` the outcome says that the client left."""

    @site.app.route("/")
    def view() -> Response:
        add_task(site.do, "task")
        return Response(iter([b"a", b"b"]))

    response = site.app.test_client().get("/")
    read_part(response, b"a")
    response.close()
    wait_for_tasks()
    outcome = site.events[0].outcome
    assert outcome is not None
    assert (outcome.returned, outcome.disconnected, outcome.status) == (True, True, 200)


def test_other_functions_at_the_end(any_site: Site) -> None:
    """The response's own `call_on_close` functions still run, before the tasks."""

    @any_site.app.route("/")
    @with_background_tasks
    def view(tasks: BackgroundTasks) -> Response:
        response = Response(BODY)
        response.call_on_close(lambda: any_site.do("closing"))
        tasks.add_task(any_site.do, "task")
        return response

    assert any_site.ask().data == BODY
    assert any_site.done == ["closing", "task"]
