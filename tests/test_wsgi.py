"""The WSGI boundary: when a response is over, whatever the application and the server do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

import pytest

from bgtasks_adapters import BackgroundTask, add_task, drain, get_background_tasks
from bgtasks_adapters.exceptions import NoActiveResponseError
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.surroundings import HostContext
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware, Boundary

from .fates import Fates
from .wsgi_server import PATIENCE, WsgiExchange, app_of, bounded, respond

Environ = WSGIEnvironment
Start = StartResponse


def test_start_response_may_come_late() -> None:
    """An application that calls start_response in its first step has its status seen."""
    fates = Fates()

    def app(environ: Environ, start_response: Start) -> Iterator[bytes]:
        add_task(lambda: None)
        start_response("201 Created", [])
        yield b"late"

    exchange = WsgiExchange(bounded(app, observers=[fates])).run()
    assert drain(PATIENCE)
    assert (exchange.status, exchange.written) == ("201 Created", [b"late"])
    outcome = fates.events[0].outcome
    assert outcome is not None
    assert outcome.status == 201


def test_start_response_may_come_twice_with_exc_info() -> None:
    """A second start_response with exc_info replaces the status; the last one decides."""
    fates = Fates()

    def app(environ: Environ, start_response: Start) -> Iterable[bytes]:
        add_task(lambda: None)
        start_response("200 OK", [])
        try:
            raise ValueError("too late to be sorry")
        except ValueError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return [b"sorry"]

    exchange = WsgiExchange(bounded(app, observers=[fates])).run()
    assert drain(PATIENCE)
    assert exchange.status == "500 Internal Server Error"
    assert fates.kinds == ["skipped"]
    assert fates.events[0].reason == "the response had the status 500"


def test_the_server_s_refusal_of_a_second_start_passes_through() -> None:
    """With the headers sent already, what the server raises reaches the application."""

    def app(environ: Environ, start_response: Start) -> Iterator[bytes]:
        add_task(lambda: None)
        start_response("200 OK", [])
        yield b"sent"
        try:
            raise ValueError("half way")
        except ValueError:
            start_response("500 Internal Server Error", [], sys.exc_info())

    fates = Fates()
    with pytest.raises(ValueError, match="half way"):
        WsgiExchange(bounded(app, observers=[fates])).run()
    assert drain(PATIENCE)
    outcome = fates.events[0].outcome
    assert outcome is not None
    assert (outcome.status, str(outcome.error)) == (200, "half way")


def test_write_reaches_the_server() -> None:
    """What start_response returns is the server's own write(), and works."""

    def app(environ: Environ, start_response: Start) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        write(b"written ")
        add_task(lambda: None)
        return [b"returned"]

    exchange = WsgiExchange(bounded(app)).call()
    assert exchange.read() == b"written returned"
    exchange.close()
    assert drain(PATIENCE)


def test_a_streaming_body_adds_tasks() -> None:
    """Each step of a body, and its close(), can add tasks; all run, in order, after close()."""
    log: list[str] = []

    def app(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            add_task(log.append, "first step")
            yield b"one"
            add_task(log.append, "second step")
            yield b"two"
        finally:
            add_task(log.append, "close")

    exchange = WsgiExchange(bounded(app)).call()
    assert exchange.read_one() == b"one"
    assert log == []
    exchange.close()
    assert drain(PATIENCE)
    assert log == ["first step", "close"]
    log.clear()
    assert WsgiExchange(bounded(app)).run().written == [b"one", b"two"]
    assert drain(PATIENCE)
    assert log == ["first step", "second step", "close"]


def test_between_the_steps_no_collection_is_current() -> None:
    """The current collection is set around each step only: the server's own code has none."""

    def app(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", [])
        get_background_tasks()
        yield b"one"

    exchange = WsgiExchange(bounded(app)).call()
    exchange.read_one()
    with pytest.raises(NoActiveResponseError):
        get_background_tasks()
    exchange.close()


def _raise_at_call(environ: Environ, start_response: Start) -> Iterable[bytes]:
    add_task(lambda: None)
    raise ValueError("at call")


def _raise_in_a_step(environ: Environ, start_response: Start) -> Iterator[bytes]:
    add_task(lambda: None)
    start_response("200 OK", [])
    yield b"one"
    raise ValueError("in a step")


class _RaisingClose:
    def __init__(self) -> None:
        self.steps = iter([b"one"])

    def __iter__(self) -> Iterator[bytes]:
        return self.steps

    def close(self) -> None:
        add_task(lambda: None)
        raise ValueError("at close")


def _raise_at_close(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [])
    return _RaisingClose()


@pytest.mark.parametrize(
    ("app", "message", "kind"),
    [
        (_raise_at_call, "at call", "skipped"),
        (_raise_in_a_step, "in a step", "skipped"),
        (_raise_at_close, "at close", "succeeded"),
    ],
)
def test_an_error_of_the_application_goes_on_and_its_tasks_are_judged(
    app: Any, message: str, kind: str
) -> None:
    """An error at call, in a step or at close() reaches the server, and each task has its fate."""
    fates = Fates()
    with pytest.raises(ValueError, match=message):
        WsgiExchange(bounded(app, observers=[fates])).run()
    assert drain(PATIENCE)
    assert fates.kinds == [kind]
    fates.events.clear()
    with pytest.raises(ValueError, match=message):
        WsgiExchange(bounded(app, observers=[fates], when="always")).run()
    assert drain(PATIENCE)
    assert fates.kinds == ["succeeded"]


@pytest.mark.parametrize("body", [[b"hello"], iter([b"hello"])], ids=["list", "iterator"])
def test_a_head_response_is_complete_without_its_body(body: Any) -> None:
    """A body that the server closes without a step of it (HEAD) is no disconnect."""
    fates = Fates()

    def app(environ: Environ, start_response: Start) -> Iterable[bytes]:
        add_task(lambda: None)
        start_response("200 OK", [])
        return body  # type: ignore[no-any-return]

    WsgiExchange(bounded(app, observers=[fates]), "HEAD").call().close()
    assert drain(PATIENCE)
    outcome = fates.events[0].outcome
    assert fates.kinds == ["succeeded"]
    assert outcome is not None
    assert not outcome.disconnected


class _NamedHost(HostContext):
    def __init__(self, name: str, captured: list[str]) -> None:
        self.name = name
        self.captured = captured

    def capture(self, task: BackgroundTask, /) -> None:
        self.captured.append(self.name)

    def hold(self, task: BackgroundTask, /) -> None:
        return None

    @contextmanager
    def trip(self) -> Iterator[_NamedHost]:
        yield self

    def async_trip(self) -> Any:
        raise AssertionError("there are no async tasks here")

    def around_task(self, captured: Any, /) -> AbstractContextManager[None]:
        return nullcontext()


def test_nested_boundaries_share_one_response() -> None:
    """Two boundaries: one collection, dispatched once, with the outer one's settings."""
    outer, inner, captured = Fates(), Fates(), list[str]()
    collections: list[Any] = []

    def view() -> None:
        collections.append(get_background_tasks())
        add_task(lambda: None)

    def between(environ: Environ, start_response: Start) -> Iterable[bytes]:
        collections.append(get_background_tasks())
        return within(environ, start_response)

    inner_settings = Settings(handle_sigterm=False, observers=(inner,))
    within = Boundary(app_of(view), inner_settings, _NamedHost("inner", captured))
    outer_settings = Settings(handle_sigterm=False, observers=(outer,))
    WsgiExchange(Boundary(between, outer_settings, _NamedHost("outer", captured))).run()
    assert drain(PATIENCE)
    assert collections[0] is collections[1]
    assert (outer.kinds, inner.kinds) == (["succeeded"], [])
    assert captured == ["outer", "inner"]


def test_two_boundaries_one_after_the_other_on_one_environ() -> None:
    """A cascade that asks a second application with the same environ: each has its response."""
    log: list[str] = []
    first = bounded(app_of(lambda: add_task(log.append, "first"), "404 Not Found"), when="always")
    second = bounded(app_of(lambda: add_task(log.append, "second")))

    def cascade(environ: Environ, start_response: Start) -> Iterable[bytes]:
        body: Any = first(environ, lambda status, headers, exc_info=None: lambda data: None)
        body.close()
        return second(environ, start_response)

    WsgiExchange(cascade).run()
    assert drain(PATIENCE)
    assert sorted(log) == ["first", "second"]  # of two responses, on two threads


def test_the_validator_of_the_standard_library_has_no_objection() -> None:
    """wsgiref's validator, on both sides of the boundary, finds nothing to say."""
    log: list[str] = []

    def stream(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"one"
        add_task(log.append, "stream")

    for app in (stream, app_of(lambda: add_task(log.append, "list")), app_of(lambda: None)):
        checked = validator(BackgroundTasksMiddleware(validator(app), handle_sigterm=False))
        WsgiExchange(checked).run()
    assert drain(PATIENCE)
    assert log == ["stream", "list"]


def test_close_runs_no_task_on_the_server_s_thread() -> None:
    """close() returns while the response's task still runs."""
    release, threads = threading.Event(), list[int]()

    def wait() -> None:
        threads.append(threading.get_ident())
        assert release.wait(PATIENCE)

    WsgiExchange(bounded(app_of(lambda: add_task(wait)))).run()
    assert not drain(0)
    release.set()
    assert drain(PATIENCE)
    assert threads[0] != threading.get_ident()


def test_executor_inline_runs_tasks_in_close() -> None:
    """With `executor="inline"` tasks have ended when close() returns, def ones on its thread."""
    log: list[object] = []

    async def anote() -> None:
        log.append("async")

    app = bounded(
        app_of(lambda: [add_task(lambda: log.append(threading.get_ident())), add_task(anote)]),
        executor="inline",
    )
    exchange = WsgiExchange(app).call()
    exchange.read()
    assert log == []
    exchange.close()
    assert log == [threading.get_ident(), "async"]


def test_settings_are_those_of_the_middleware() -> None:
    """The middleware takes the settings as keywords."""
    fates = Fates()
    respond(lambda: add_task(lambda: None), "404 Not Found", observers=[fates], when="always")
    assert fates.kinds == ["succeeded"]
