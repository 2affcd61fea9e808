"""Bridges between WSGI and ASGI, on a real server: with close() and without."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import anyio.to_thread
import pytest
from asgiref.wsgi import WsgiToAsgi
from flask import Flask, current_app, g

from bgtasks_adapters import Outcome, add_task, drain, get_background_tasks
from bgtasks_adapters.contract.gate import Gate, Visit
from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import SERVERS
from bgtasks_adapters.doctor.client import Response
from bgtasks_adapters.exchanges import ASGIApp, Receive, Scope, Send
from bgtasks_adapters.flask import init_app

from . import asgi_server, wsgi_server
from .asgi_server import PATIENCE, AsgiExchange, answer
from .fates import Fates

ROOT = Path(__file__).parents[1]

NEVER_CLOSING = {
    "asgiref": "asgiref's WsgiToAsgi never calls close()",
    "starlette": "Starlette's WSGIMiddleware never calls close()",
    "uvicorn": "uvicorn's own WSGI interface never calls close()",
}
BRIDGES = (*NEVER_CLOSING, "a2wsgi")
ADAPTERS = ("middleware", "flask", "django")

PAIRS = [
    (bridge, site)
    for bridge in BRIDGES
    for site in ("bare", *ADAPTERS)
    # It does not take the context along, so that add_task() finds no response without an adapter.
    if (bridge, site) != ("uvicorn", "bare")
]


class Bridged(RunningServer):
    """A uvicorn in a process of its own, with every application behind one bridge."""

    def __init__(self, bridge: str, gate: Gate, log: Path) -> None:
        environment = {
            "BRIDGE": bridge,
            "CONTRACT_DJANGO": "boundary",
            "CONTRACT_GATE": str(gate.port),
            "CONTRACT_SERVER": bridge,
            "CONTRACT_SETTINGS": json.dumps({}),
            "DJANGO_SETTINGS_MODULE": "tests.contract.hosts.django_site",
            "PYTHONPATH": str(ROOT),
        }
        super().__init__(SERVERS["uvicorn"], "tests.programs.bridged:application", environment, log)

    def ask(self, target: str, site: str, *, is_outside: bool) -> Response:
        with self.connect() as connection:
            return connection.ask(target, headers=headers(site, is_outside=is_outside))


def headers(site: str, *, is_outside: bool) -> dict[str, str]:
    return {"X-Site": site, **({"X-Outside": "yes"} if is_outside else {})}


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate


@pytest.fixture(scope="module")
def bridged(
    gate: Gate, tmp_path_factory: pytest.TempPathFactory, give_up: Callable[[str], None]
) -> Iterator[Callable[[str], Bridged]]:
    """Give the running server of a bridge: one process for all tests of it."""
    folder = tmp_path_factory.mktemp("bridges")
    running: dict[str, Bridged] = {}

    def find(bridge: str) -> Bridged:
        for package in ("uvicorn", bridge):
            if find_spec(package) is None:
                give_up(f"{package} is not installed")
        if bridge not in running:
            running[bridge] = Bridged(bridge, gate, folder / bridge)
        return running[bridge]

    yield find
    for server in running.values():
        server.kill()


@pytest.fixture
def visit(gate: Gate, request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Visit(gate, request.node.name)
    yield visit
    visit.open()


@pytest.fixture
def another_visit(gate: Gate, request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Visit(gate, f"{request.node.name}-another")
    yield visit
    visit.open()


@pytest.mark.parametrize("shape", ["length", "stream"])
@pytest.mark.parametrize(("bridge", "site"), PAIRS)
def test_the_asgi_middleware_outside_runs_the_tasks(
    bridged: Callable[[str], Bridged], visit: Visit, bridge: str, site: str, shape: str
) -> None:
    """Each task runs once, in order, and the client has the complete response before one ends."""
    names = ["first", "second", "third", "fourth"]
    target = visit.target("def", shape, "four_in_a_row")
    response = bridged(bridge).ask(target, site, is_outside=True)
    assert response.status == 200
    for name in names:
        visit.release(name)
    assert visit.fate("fourth") == "succeeded"
    expected = [f"{name} {event}" for name in names for event in ("started", "ended")]
    assert visit.history("started", "ended") == expected
    # The loop is the server's, so the owner is the one outside.
    assert visit.wait_for("second", "started").info["thread"] == "MainThread"


@pytest.mark.parametrize(("bridge", "site"), PAIRS)
def test_no_task_starts_before_the_last_message(
    bridged: Callable[[str], Bridged], visit: Visit, another_visit: Visit, bridge: str, site: str
) -> None:
    """With the ASGI middleware outside a task starts when the last message has been sent."""
    server = bridged(bridge)
    with server.connect() as connection:
        target = visit.target("def", "ending", "held_def")
        connection.send(target, headers=headers(site, is_outside=True))
        end = visit.wait_for("end", "started")
        # A task of a later response runs: one that was started too early would have come first.
        with server.connect() as other:
            target = another_visit.target("async", "length", "short")
            other.ask(target, headers={"X-Outside": "yes"})
        assert another_visit.fate("task") == "succeeded"
        assert visit.history("started") == ["end started"]
        end.release()
        connection.read_response()
    visit.release("task")
    assert visit.fate("task") == "succeeded"


@pytest.mark.parametrize(("bridge", "site"), PAIRS)
def test_a_body_adds_tasks(
    bridged: Callable[[str], Bridged], visit: Visit, bridge: str, site: str
) -> None:
    """What a body adds while the bridge iterates it runs behind it, in order."""
    bridged(bridge).ask(visit.target("def", "adding"), site, is_outside=True)
    assert visit.fate("behind the pieces") == "succeeded"
    names = ["before piece 0", "before piece 1", "behind the pieces"]
    assert visit.history("started") == [f"{name} started" for name in names]


@pytest.mark.parametrize(("bridge", "site"), PAIRS)
def test_the_adapter_inside_tells_the_view_s_fate(
    bridged: Callable[[str], Bridged], visit: Visit, bridge: str, site: str
) -> None:
    """A view that returned a 404 has returned, where an adapter inside sees it."""
    target = visit.target("def", "refused", "each_when")
    assert bridged(bridge).ask(target, site, is_outside=True).status == 404
    assert visit.fate("always") == "succeeded"
    sees_the_view = site in ("flask", "django")
    expected = ["returned started"] if sees_the_view else []
    assert visit.history("started") == [*expected, "always started"]


@pytest.mark.parametrize("site", ADAPTERS)
@pytest.mark.parametrize("bridge", BRIDGES)
def test_without_it_every_task_runs(
    bridged: Callable[[str], Bridged], gate: Gate, visit: Visit, bridge: str, site: str
) -> None:
    """All tasks run, and what never calls close() is named once in a process, with the remedy."""
    server = bridged(bridge)
    for _ in range(100):
        # A connection each: asgiref's loses a request that comes early on one that is kept alive.
        server.ask(visit.target("def", "length", "short"), site, is_outside=False)

    def fates() -> list[object]:
        return [a.info["kind"] for a in gate.of(visit.token) if a.event == "observed"]

    gate.wait_until(lambda: len(fates()) == 100, visit.token, "100 fates")
    assert fates() == ["succeeded"] * 100
    assert visit.history("started") == ["task started"] * 100
    assert "dropped without being closed" not in server.output
    if bridge in NEVER_CLOSING:
        assert server.output.count(NEVER_CLOSING[bridge]) == 1
        assert "Use a2wsgi.WSGIMiddleware" in server.output
    assert server.output.count("never calls close()") == (bridge in NEVER_CLOSING)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # asgiref knows no other


def bridge_to(app: WSGIApplication) -> ASGIApp:
    """Put asgiref's bridge, and no adapter outside of it, around a WSGI application."""
    bridge: ASGIApp = WsgiToAsgi(app)  # type: ignore[no-untyped-call]
    return bridge


@pytest.mark.anyio
async def test_a_request_made_inside_of_another_one_owns_its_response() -> None:
    """What a view asks of a bridge in its own process is a response of its own, with its tasks."""
    log: list[str] = []
    inner = bridge_to(
        wsgi_server.bounded(wsgi_server.app_of(lambda: add_task(log.append, "inner")))
    )

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        add_task(log.append, "outer")
        await AsgiExchange(inner).run()
        assert await anyio.to_thread.run_sync(drain, PATIENCE)
        assert log == ["inner"]
        await answer(send)

    await AsgiExchange(asgi_server.bounded(outer)).run()
    assert log == ["inner", "outer"]


@pytest.mark.anyio
async def test_tasks_run_in_the_surroundings_of_the_adapter_inside() -> None:
    """Flask's tasks have an application context each, though the owner outside knows no Flask."""
    seen: list[tuple[str, bool]] = []
    site = Flask("bridged")
    init_app(site, handle_sigterm=False)

    @site.route("/")
    def index() -> str:
        g.user = "somebody"
        add_task(lambda: seen.append((current_app.name, "user" in g)))
        return "hello"

    await AsgiExchange(asgi_server.bounded(bridge_to(site))).run()
    assert seen == [("bridged", False)]


@pytest.mark.anyio
async def test_the_settings_outside_win() -> None:
    """The owner outside reports the tasks, once; the adapter inside does not."""
    outside, inside = Fates(), Fates()
    site = wsgi_server.bounded(
        wsgi_server.app_of(lambda: add_task(lambda: None)), observers=[inside]
    )
    await AsgiExchange(asgi_server.bounded(bridge_to(site), observers=[outside])).run()
    assert outside.kinds == ["succeeded"]
    assert inside.kinds == []


@pytest.mark.anyio
async def test_an_application_that_raises_half_way_through_its_body() -> None:
    """On a bridge that never calls close(), too, it is a view that raised, and is known at once."""
    fates = Fates()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        tasks = get_background_tasks()
        tasks.add_task(lambda: None)
        tasks.using(when="always").add_task(lambda: None)
        yield b"half"
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way") as raised:
        await AsgiExchange(bridge_to(wsgi_server.bounded(app, observers=[fates]))).run()
    assert await anyio.to_thread.run_sync(drain, PATIENCE)
    assert fates.kinds == ["skipped", "succeeded"]  # while the traceback holds the body
    assert fates.events[0].outcome == Outcome(False, 200, raised.value, False)


@pytest.mark.anyio
async def test_a_bridge_behind_another_middleware_is_not_known() -> None:
    """Where a WSGI middleware gives a start_response of its own, the tasks run all the same."""
    outside, inside = Fates(), Fates()
    site = wsgi_server.bounded(
        wsgi_server.app_of(lambda: add_task(lambda: None)), observers=[inside]
    )

    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        @wraps(start_response)
        def start(*arguments: Any) -> Any:
            return start_response(*arguments)

        return site(environ, start)

    await AsgiExchange(asgi_server.bounded(bridge_to(middleware), observers=[outside])).run()
    assert await anyio.to_thread.run_sync(drain, PATIENCE)
    assert outside.kinds == []
    assert inside.kinds == ["succeeded"]
