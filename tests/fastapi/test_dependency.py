"""The dependency, wherever FastAPI injects one, asked by Starlette's client.

The client has its response when the application has returned, which waits for no task: tasks are
captured, and so have run.
"""

# No `from __future__ import annotations`: FastAPI looks strings up in the module's names only.

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask as StarletteTask
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.testclient import TestClient

from bgtasks_adapters import (
    BackgroundTask,
    BackgroundTasks,
    NoActiveResponseError,
    UnsafeArgumentError,
    add_task,
    get_background_tasks,
)
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.fastapi import BackgroundTasksDep
from bgtasks_adapters.testing import CapturedTasks
from tests.asgi_server import AsgiExchange

log: list[object] = []


@pytest.fixture(autouse=True)
def _forget() -> None:
    log.clear()


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(BackgroundTasksMiddleware, handle_sigterm=False)
    return app


def get(app: Any, path: str = "/", **options: Any) -> Any:
    return TestClient(app, raise_server_exceptions=False).get(path, **options)


def each_when(tasks: BackgroundTasks) -> None:
    for when in ("returned", "success", "always"):
        tasks.using(when=when).add_task(log.append, when)


ALL_RUN = ["returned", "success", "always"]


def test_path_operations(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """`def` and `async def` path operations are given the collection, under any name."""

    @app.get("/def")
    def view(whatever: BackgroundTasksDep) -> None:
        whatever.add_task(log.append, "def")
        add_task(log.append, "beside it")

    @app.get("/async")
    async def async_view(tasks: BackgroundTasksDep) -> None:
        assert tasks is get_background_tasks()
        tasks.add_task(log.append, "async")

    assert get(app, "/def").status_code == get(app, "/async").status_code == 200
    assert log == ["def", "beside it", "async"]


def test_the_schema_does_not_show_it(app: FastAPI) -> None:
    """The parameter is no parameter of the API."""

    @app.get("/")
    def view(tasks: BackgroundTasksDep, number: int) -> None: ...

    (operation,) = app.openapi()["paths"].values()
    assert [parameter["name"] for parameter in operation["get"]["parameters"]] == ["number"]


@pytest.mark.parametrize("scope", ["function", "request"])
def test_dependencies(app: FastAPI, background_tasks: CapturedTasks, scope: Any) -> None:
    """Dependencies of every kind share the path operation's collection, before and behind it."""

    def plain(tasks: BackgroundTasksDep) -> BackgroundTasks:
        tasks.add_task(log.append, "plain")
        return tasks

    async def plain_async(tasks: BackgroundTasksDep) -> BackgroundTasks:
        tasks.add_task(log.append, "plain async")
        return tasks

    def yielding(tasks: BackgroundTasksDep) -> Iterator[BackgroundTasks]:
        tasks.add_task(log.append, "before yield")
        yield tasks
        tasks.add_task(log.append, "behind yield")

    async def yielding_async(tasks: BackgroundTasksDep) -> AsyncIterator[BackgroundTasks]:
        tasks.add_task(log.append, "before async yield")
        yield tasks
        tasks.add_task(log.append, "behind async yield")

    @app.get("/")
    def view(
        a: Annotated[BackgroundTasks, Depends(plain)],
        b: Annotated[BackgroundTasks, Depends(plain_async)],
        c: Annotated[BackgroundTasks, Depends(yielding, scope=scope)],
        d: Annotated[BackgroundTasks, Depends(yielding_async, scope=scope)],
        e: BackgroundTasksDep,
    ) -> None:
        assert a is b is c is d is e
        e.add_task(log.append, "view")

    assert get(app).status_code == 200
    assert log == [
        "plain",
        "plain async",
        "before yield",
        "before async yield",
        "view",
        "behind async yield",
        "behind yield",
    ]


def test_routers_and_sub_applications(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """Routers have it, and mounted applications, too, by the middleware of the outer one."""
    router = APIRouter(prefix="/router")
    sub = FastAPI()

    @router.get("/")
    @sub.get("/")
    def view(tasks: BackgroundTasksDep, request: Request) -> None:
        tasks.add_task(log.append, request.url.path)

    app.include_router(router)
    app.mount("/sub", sub)
    assert get(app, "/router/").status_code == get(app, "/sub/").status_code == 200
    assert log == ["/router/", "/sub/"]


@pytest.mark.parametrize("is_inside", [True, False], ids=["inside", "outside"])
def test_base_http_middleware(
    app: FastAPI, background_tasks: CapturedTasks, is_inside: bool
) -> None:
    """Starlette's BaseHTTPMiddleware may stand on either side, and may add tasks itself."""

    async def dispatch(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        if is_inside:
            add_task(log.append, "middleware")
        return response

    app = FastAPI()
    kinds: list[Any] = [BackgroundTasksMiddleware, BaseHTTPMiddleware]
    options: list[dict[str, Any]] = [{"handle_sigterm": False}, {"dispatch": dispatch}]
    for number in (1, 0) if is_inside else (0, 1):
        app.add_middleware(kinds[number], **options[number])

    @app.get("/")
    def view(tasks: BackgroundTasksDep) -> None:
        tasks.add_task(log.append, "view")

    assert get(app).status_code == 200
    assert log == ["view", "middleware"] if is_inside else ["view"]


def test_websockets(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """Tasks of a websocket run when its connection has ended."""

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasksDep) -> None:
        await websocket.accept()
        tasks.add_task(log.append, "task")
        await websocket.send_text("added")
        await websocket.receive_text()

    with TestClient(app).websocket_connect("/") as websocket:
        assert websocket.receive_text() == "added"
        assert log == []
        websocket.send_text("leave")
    assert log == ["task"]


def _raise_http(status: int) -> None:
    raise HTTPException(status)


@pytest.mark.parametrize("kind", ["def", "async"])
@pytest.mark.parametrize(
    ("end", "status", "expected"),
    [
        (lambda: None, 200, ALL_RUN),
        (lambda: JSONResponse({}, 404), 404, ["returned", "always"]),
        (lambda: _raise_http(404), 404, ["always"]),
        (lambda: _raise_http(204), 204, ["always"]),
        (lambda: 1 / 0, 500, ["always"]),
    ],
    ids=["200", "returned 404", "raised 404", "raised 204", "error"],
)
def test_fates(
    app: FastAPI,
    background_tasks: CapturedTasks,
    kind: str,
    end: Any,
    status: int,
    expected: list[str],
) -> None:
    """What the path operation raised counts as raised, and what it returned as returned."""

    def view(tasks: BackgroundTasksDep) -> Any:
        each_when(tasks)
        return end()

    async def async_view(tasks: BackgroundTasksDep) -> Any:
        return view(tasks)

    app.get("/")(view if kind == "def" else async_view)
    assert get(app).status_code == status
    assert log == expected


def test_a_dependency_that_raises(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """A path operation that was not even called did not return."""

    def refuse(tasks: BackgroundTasksDep) -> None:
        each_when(tasks)
        raise HTTPException(401)

    @app.get("/", dependencies=[Depends(refuse)])
    def view() -> None: ...

    assert get(app).status_code == 401
    assert log == ["always"]


def test_invalid_parameters(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """A request that FastAPI refuses by itself is no view that returned."""

    def add(tasks: BackgroundTasksDep) -> None:
        each_when(tasks)

    @app.get("/", dependencies=[Depends(add)])
    def view(number: int) -> None: ...

    assert get(app, params={"number": "none"}).status_code == 422
    assert log == ["always"]


def test_an_exception_handler_adds_tasks(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """A task of an exception handler is judged by the handler's response."""

    @app.exception_handler(LookupError)
    async def handle(request: Request, error: Exception) -> Response:
        add_task(log.append, "handler")
        return JSONResponse({}, 200)

    @app.get("/")
    def view(tasks: BackgroundTasksDep) -> None:
        tasks.add_task(log.append, "view")
        raise LookupError

    assert get(app).status_code == 200
    assert log == ["handler"]


def test_streaming(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """A stream adds tasks, too; they run behind its last piece."""

    @app.get("/")
    async def view(tasks: BackgroundTasksDep) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            tasks.add_task(log.append, "first")
            yield b"piece"
            add_task(log.append, "second")

        return StreamingResponse(pieces())

    assert get(app).content == b"piece"
    assert log == ["first", "second"]


def test_beside_starlettes_own(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """Ours may be given to a response as its `background`, and run once; so may a new one."""

    @app.get("/injected")
    def injected(tasks: BackgroundTasksDep) -> Response:
        tasks.add_task(log.append, "injected")
        return Response(background=tasks)  # type: ignore[arg-type]

    @app.get("/new")
    def new() -> Response:
        tasks = BackgroundTasks([BackgroundTask(log.append, "new")])
        tasks.add_task(log.append, "more")
        return Response(background=tasks)  # type: ignore[arg-type]

    assert get(app, "/injected").status_code == get(app, "/new").status_code == 200
    assert log == ["injected", "new", "more"]


def test_starlettes_tasks_in_ours(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """A task object of Starlette's is taken, and named by its function."""

    def work(word: str) -> None:
        log.append(word)

    @app.get("/")
    async def view(tasks: BackgroundTasksDep) -> Response:
        tasks.add_task(StarletteTask(work, "added"))
        own = BackgroundTasks([StarletteTask(work, "in a list")])
        return Response(background=own)  # type: ignore[arg-type]

    assert get(app).status_code == 200
    assert sorted(log) == ["added", "in a list"]  # type: ignore[type-var]
    assert background_tasks[0].name.endswith("work")


def test_awaited_in_the_view(app: FastAPI, background_tasks: CapturedTasks) -> None:
    """A view that awaits its collection runs it there, and it does not run again."""

    @app.get("/")
    async def view(tasks: BackgroundTasksDep) -> list[object]:
        tasks.add_task(log.append, "now")
        await tasks()
        tasks.add_task(log.append, "then")
        return list(log)

    assert get(app).json() == ["now"]
    assert log == ["now", "then"]


def test_an_upload_inside_a_list(app: FastAPI) -> None:
    """Uploads are refused wherever they are held; FastAPI's class is a subclass of Starlette's."""
    from fastapi import UploadFile

    @app.get("/")
    def view(uploads: list[UploadFile], tasks: BackgroundTasksDep) -> None:
        with pytest.raises(UnsafeArgumentError, match=r"'a.txt'.*data = await upload.read\(\)"):
            tasks.add_task(print, uploads)

    assert get_with_file(app).status_code == 200


def get_with_file(app: FastAPI) -> Any:
    return TestClient(app).request("GET", "/", files={"uploads": ("a.txt", b"content")})


def test_without_the_middleware() -> None:
    """Without the middleware it is said what to add."""
    app = FastAPI()

    @app.get("/")
    def view(tasks: BackgroundTasksDep) -> None: ...

    with pytest.raises(NoActiveResponseError, match=r"app\.add_middleware\(bgtasks_adapters\.asgi"):
        TestClient(app).get("/")


def test_around_the_application(background_tasks: CapturedTasks) -> None:
    """The middleware may also be put around the application."""
    app = FastAPI()

    @app.get("/")
    def view(tasks: BackgroundTasksDep) -> None:
        tasks.add_task(log.append, "task")

    assert get(BackgroundTasksMiddleware(app, handle_sigterm=False)).status_code == 200
    assert log == ["task"]


@pytest.mark.anyio
async def test_a_client_that_leaves_during_the_body(app: FastAPI) -> None:
    """What `send()` raises is the client's doing: the view had returned, and its tasks run."""

    @app.get("/")
    async def view(tasks: BackgroundTasksDep) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"piece"

        each_when(tasks)
        return StreamingResponse(pieces())

    exchange = AsgiExchange(app)

    def leave(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    exchange.before_send = leave
    with pytest.raises((OSError, ExceptionGroup)):
        await exchange.run()
    assert log == ALL_RUN


@pytest.mark.anyio
async def test_a_cancelled_view(app: FastAPI) -> None:
    """A path operation that was cancelled did not return."""
    has_begun = anyio.Event()

    @app.get("/")
    async def view(tasks: BackgroundTasksDep) -> None:
        each_when(tasks)
        has_begun.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(AsgiExchange(app).run)
        await has_begun.wait()
        group.cancel_scope.cancel()
    assert log == ["always"]
