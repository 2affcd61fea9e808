"""What FastAPI's users ask for: each wish tried with FastAPI's own class and with this package's.

`python -m tests.fastapi.wishes` prints the table; `test_wishes.py` holds it. Each wish is an
application on a real server, asked by a real client. What became of its tasks is looked at when
the server has ended, which waits for them.
"""

# No `from __future__ import annotations` here: FastAPI looks strings up in the module's names,
# and the class under test is a local one, which type checkers do not take for a type.
# mypy: disable-error-code="name-defined"
# pyright: reportInvalidTypeForm=false

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import fastapi
import httpx
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Response, UploadFile, WebSocket
from starlette.background import BackgroundTask
from websockets.sync.client import connect

from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.contract.running import free_port
from bgtasks_adapters.doctor.client import Address, Connection, IncompleteResponseError
from bgtasks_adapters.fastapi import BackgroundTasksDep


@dataclass(frozen=True)
class Kind:
    """A way to get the tasks of a response."""

    name: str
    tasks: Any
    """What the parameter is annotated with."""

    is_ours: bool

    def app(self) -> FastAPI:
        app = FastAPI()
        if self.is_ours:
            app.add_middleware(BackgroundTasksMiddleware, handle_sigterm=False)
        return app

    def whatever_happens(self, tasks: Any) -> Any:
        """Return what adds a task that is to run also if the view raises."""
        return tasks.using(when="always") if self.is_ours else tasks


THEIRS = Kind("fastapi.BackgroundTasks", fastapi.BackgroundTasks, is_ours=False)
OURS = Kind("BackgroundTasksDep", BackgroundTasksDep, is_ours=True)


@contextmanager
def served(app: FastAPI) -> Iterator[Address]:
    """Run an application under uvicorn, on a thread; tasks have ended when the block has."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    has_begun = threading.Event()
    try:
        while not server.started and thread.is_alive():
            has_begun.wait(0.01)
        yield Address("127.0.0.1", port)
    finally:
        server.should_exit = True
        thread.join()


def ask(address: Address, path: str = "/", **options: Any) -> httpx.Response:
    return httpx.request("GET", f"http://{address.host}:{address.port}{path}", **options)


def tasks_of_an_http_exception(kind: Kind) -> None:
    app, log = kind.app(), list[str]()

    @app.get("/")
    async def view(tasks: kind.tasks) -> None:
        kind.whatever_happens(tasks).add_task(log.append, "task")
        raise HTTPException(403)

    with served(app) as address:
        assert ask(address).status_code == 403
    assert log == ["task"]


def tasks_added_behind_yield(kind: Kind) -> None:
    app, log = kind.app(), list[str]()

    async def dependency(tasks: kind.tasks) -> Any:
        yield
        tasks.add_task(log.append, "task")

    @app.get("/", dependencies=[Depends(dependency)])
    async def view() -> None:
        return None

    with served(app) as address:
        assert ask(address).status_code == 200
    assert log == ["task"]


def tasks_beside_those_of_the_response(kind: Kind) -> None:
    app, log = kind.app(), list[str]()

    @app.get("/")
    async def view(tasks: kind.tasks) -> Response:
        tasks.add_task(log.append, "injected")
        return Response(background=BackgroundTask(log.append, "the response's own"))

    with served(app) as address:
        assert ask(address).status_code == 200
    assert sorted(log) == ["injected", "the response's own"]


def a_connection_that_survives_a_failure(kind: Kind) -> None:
    app = kind.app()

    def fail() -> None:
        raise LookupError("asked for")

    @app.get("/")
    async def view(tasks: kind.tasks) -> None:
        tasks.add_task(fail)

    with served(app) as address, Connection(address) as connection:
        for number in range(20):
            try:
                assert connection.ask("/").status == 200
            except (IncompleteResponseError, ConnectionError) as error:
                raise AssertionError(f"closed behind {number} responses: {error!r}") from None


def tasks_of_a_websocket(kind: Kind) -> None:
    app, log = kind.app(), list[str]()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: kind.tasks) -> None:
        await websocket.accept()
        tasks.add_task(log.append, "task")
        await websocket.close()

    with served(app) as address, connect(f"ws://{address.host}:{address.port}/") as websocket:
        list(websocket)
    assert log == ["task"]


def siblings_of_a_failing_task(kind: Kind) -> None:
    app, log = kind.app(), list[str]()

    def fail() -> None:
        raise LookupError("asked for")

    @app.get("/")
    async def view(tasks: kind.tasks) -> None:
        tasks.add_task(fail)
        tasks.add_task(log.append, "sibling")

    with served(app) as address:
        assert ask(address).status_code == 200
    assert log == ["sibling"]


LINE: ContextVar[str] = ContextVar("LINE", default="unset")


def context_of_a_def_view(kind: Kind) -> None:
    app, log = kind.app(), list[str]()

    async def read() -> None:
        log.append(LINE.get())

    @app.get("/")
    def view(tasks: kind.tasks) -> None:
        LINE.set("the view's")
        tasks.add_task(read)

    with served(app) as address:
        assert ask(address).status_code == 200
    assert log == ["the view's"]


def uploads_refused_where_they_are_added(kind: Kind) -> None:
    app, log = kind.app(), list[object]()

    async def read(upload: UploadFile) -> None:
        log.append(await upload.read())

    @app.get("/")
    async def view(upload: UploadFile, tasks: kind.tasks) -> None:
        try:
            tasks.add_task(read, upload)
        except TypeError as error:
            log.append("data = await upload.read()" in str(error))
        tasks.add_task(log.append, await upload.read())

    with served(app) as address:
        assert ask(address, files={"upload": b"content"}).status_code == 200
    assert log == [True, b"content"]


@dataclass(frozen=True)
class Wish:
    """Something that users have asked for, and where."""

    title: str
    where: str
    check: Callable[[Kind], None]
    """Raises an AssertionError where it is not so."""


WISHES = (
    Wish(
        "tasks run behind an HTTPException", "fastapi 13116, 1270, 2604", tasks_of_an_http_exception
    ),
    Wish("tasks added behind yield run", "fastapi 14137", tasks_added_behind_yield),
    Wish(
        "injected tasks are kept beside the response's own",
        "fastapi 11215, 15111",
        tasks_beside_those_of_the_response,
    ),
    Wish(
        "a task that fails does not cost the connection",
        "uvicorn 3153",
        a_connection_that_survives_a_failure,
    ),
    Wish("websockets have tasks", "fastapi 289", tasks_of_a_websocket),
    Wish("a task that fails spares the next", "starlette 3195", siblings_of_a_failing_task),
    Wish(
        "an async task sees the context of a def view",
        "opentelemetry-python-contrib 3586",
        context_of_a_def_view,
    ),
    Wish(
        "an upload is refused where it is added, with what to do",
        "fastapi 10857",
        uploads_refused_where_they_are_added,
    ),
)


def is_granted(wish: Wish, kind: Kind) -> bool:
    try:
        wish.check(kind)
    except AssertionError:
        return False
    return True


def main() -> None:
    logging.getLogger("bgtasks_adapters").addHandler(logging.NullHandler())  # failures are wished
    width = max(len(wish.title) for wish in WISHES)
    print(f"{'wish':{width}}  {THEIRS.name}  {OURS.name}  asked for in")
    for wish in WISHES:
        theirs, ours = (is_granted(wish, kind) for kind in (THEIRS, OURS))
        words = [("yes" if granted else "no") for granted in (theirs, ours)]
        print(
            f"{wish.title:{width}}  {words[0]:{len(THEIRS.name)}}  {words[1]:{len(OURS.name)}}  "
            f"{wish.where}"
        )


if __name__ == "__main__":
    main()
