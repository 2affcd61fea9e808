"""The WSGI boundary and bodies: what is wrapped keeps what a server looks for in it."""

from __future__ import annotations

import gc
import io
import logging
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import FileWrapper

import pytest

from bgtasks_adapters import abandoned, add_task, drain

from .fates import Fates
from .wsgi_server import PATIENCE, WsgiExchange, bounded

Environ = WSGIEnvironment
Start = StartResponse


def returning(body: Any, *, with_task: bool, log: list[str]) -> Any:
    def app(environ: Environ, start_response: Start) -> Iterable[bytes]:
        if with_task:
            add_task(log.append, "task")
        start_response("200 OK", [])
        return body  # type: ignore[no-any-return]

    return app


@pytest.mark.parametrize("body", [[b"one", b"two"], (b"one",), []])
def test_a_finished_body_without_tasks_is_returned_untouched(body: Any) -> None:
    """A list or tuple behind which nothing is queued is the application's very own."""
    exchange = WsgiExchange(bounded(returning(body, with_task=False, log=[]))).call()
    assert exchange.body is body


def test_a_finished_body_with_tasks_keeps_its_length() -> None:
    """A list behind which tasks wait keeps its length and its chunks."""
    log: list[str] = []
    body = [b"one", b"two"]
    exchange = WsgiExchange(bounded(returning(body, with_task=True, log=log))).call()
    wrapped: Any = exchange.body
    assert len(wrapped) == 2
    assert exchange.read() == b"onetwo"
    exchange.close()
    assert drain(PATIENCE)
    assert log == ["task"]


def test_a_body_without_a_length_gets_none() -> None:
    """A generator's wrapper has no length that a server could take for the number of chunks."""
    exchange = WsgiExchange(bounded(returning(iter([b"one"]), with_task=True, log=[]))).call()
    assert not hasattr(exchange.body, "__len__")
    exchange.read()
    exchange.close()


class Steps:
    """A body that notes what is done with it."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.left = [b"one", b"two"]

    def __iter__(self) -> Iterator[bytes]:
        self.log.append("iter")
        return self

    def __next__(self) -> bytes:
        if not self.left:
            raise StopIteration
        return self.left.pop(0)

    def close(self) -> None:
        self.log.append("close")


def test_the_application_s_close_comes_first() -> None:
    """The body's own close() is called, once, before any task starts."""
    log: list[str] = []
    app = bounded(returning(Steps(log), with_task=True, log=log))
    assert WsgiExchange(app).run().written == [b"one", b"two"]
    assert drain(PATIENCE)
    assert log == ["iter", "close", "task"]


def test_a_body_that_is_not_read_is_not_iterated() -> None:
    """No step of a body is taken before the server takes it."""
    log: list[str] = []
    exchange = WsgiExchange(bounded(returning(Steps(log), with_task=True, log=log))).call()
    assert log == []
    exchange.close()
    assert drain(PATIENCE)
    assert log == ["close", "task"]


@pytest.mark.parametrize("with_task", [True, False])
def test_a_file_wrapper_stays_the_server_s(with_task: bool) -> None:
    """A file in the server's file wrapper is returned as it is; its close() starts the tasks."""
    log: list[str] = []
    file = io.BytesIO(b"content")
    body = FileWrapper(file)
    app = bounded(returning(body, with_task=with_task, log=log))
    exchange = WsgiExchange(app, file_wrapper=FileWrapper).call()
    assert exchange.body is body
    assert exchange.read() == b"content"
    assert not file.closed
    exchange.close()
    assert drain(PATIENCE)
    assert file.closed
    assert log == (["task"] if with_task else [])


def test_a_file_sent_by_the_server_itself_is_no_disconnect() -> None:
    """A file wrapper that the server never iterates (sendfile) is a complete response."""
    fates = Fates()
    body = FileWrapper(io.BytesIO(b"content"))
    app = bounded(returning(body, with_task=True, log=[]), observers=[fates])
    WsgiExchange(app, file_wrapper=FileWrapper).call().close()
    assert drain(PATIENCE)
    outcome = fates.events[0].outcome
    assert outcome is not None
    assert outcome == (True, 200, None, False)


class SealedWrapper:
    """A file wrapper like those in C: no attribute of it can be set."""

    __slots__ = ("file",)

    def __init__(self, file: io.BytesIO, block_size: int = 8192) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)

    def close(self) -> None:
        self.file.close()


def test_a_file_wrapper_that_cannot_be_patched_is_wrapped() -> None:
    """A file wrapper that refuses attributes is iterated and closed through a wrapper."""
    log: list[str] = []
    file = io.BytesIO(b"content")
    app = bounded(returning(SealedWrapper(file), with_task=True, log=log))
    exchange = WsgiExchange(app, file_wrapper=SealedWrapper).run()
    assert drain(PATIENCE)
    assert exchange.written == [b"content"]
    assert file.closed
    assert log == ["task"]


def make_wrapper(file: Any) -> FileWrapper:
    return FileWrapper(file)


@pytest.mark.parametrize("wrapper", [FileWrapper, make_wrapper, None])
def test_a_body_that_is_no_file_is_told_from_one(wrapper: Any) -> None:
    """Whatever the server's file wrapper is, a class or a function, other bodies work."""
    log: list[str] = []
    app = bounded(returning(Steps(log), with_task=True, log=log))
    WsgiExchange(app, file_wrapper=wrapper).run()
    assert drain(PATIENCE)
    assert log == ["iter", "close", "task"]


def test_a_body_dropped_without_close_loses_no_task(caplog: pytest.LogCaptureFixture) -> None:
    """A body that a server or bridge drops without close(): its tasks run, with a warning."""
    abandoned._said.clear()
    fates, log = Fates(), list[str]()
    app = bounded(returning(iter([b"one", b"two"]), with_task=True, log=log), observers=[fates])
    exchange = WsgiExchange(app).call()
    exchange.read_one()
    gc.collect()
    assert drain(PATIENCE)
    assert log == []
    del exchange
    gc.collect()
    assert drain(PATIENCE)
    assert log == ["task"]
    (warning,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "dropped without being closed" in warning.message
    outcome = fates.events[0].outcome
    assert outcome is not None
    assert outcome.disconnected
