"""Tasks of a websocket, captured: they run when its connection has ended."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from bgtasks_adapters import add_task
from bgtasks_adapters.asgi import BackgroundTasksMiddleware
from bgtasks_adapters.testing import capture_background_tasks


async def endpoint(websocket: WebSocket) -> None:
    await websocket.accept()
    add_task(done.append, "task")
    await websocket.send_text("added")
    await websocket.receive_text()
    await websocket.close()


done: list[str] = []
client = TestClient(BackgroundTasksMiddleware(Starlette(routes=[WebSocketRoute("/", endpoint)])))


def test_now() -> None:
    """With "now" they have run when the client has left, and none is missed before."""
    done.clear()
    with capture_background_tasks() as captured:
        with client.websocket_connect("/") as websocket:
            assert websocket.receive_text() == "added"
            captured.assert_added(done.append, "task")
            captured.run()
            assert done == []
            websocket.send_text("leave")
        assert done == ["task"]
