"""The boundary between an ASGI server and any application (ASGI 3, HTTP, websocket, lifespan).

A response is over when its last message was sent, not when the application returns. Its tasks are
then no part of the request any more: what cancels the request does not reach them. The server's
lifespan shutdown waits for them, with a deadline.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import anyio

from bgtasks_adapters.announcement import announcement
from bgtasks_adapters.concurrency import ThreadEvent, is_cancelling, running_asyncio_loop
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.events import logger
from bgtasks_adapters.exceptions import InvalidApplicationError
from bgtasks_adapters.exchanges import (
    ASGIApp,
    Exchange,
    HttpExchange,
    Lifespan,
    Receive,
    Scope,
    Send,
    TypedASGIApp,
    WebsocketExchange,
)
from bgtasks_adapters.process import ledger
from bgtasks_adapters.settings import Settings, answers_probes
from bgtasks_adapters.shutdown import leave_over_running, shutdown
from bgtasks_adapters.sigterm import handle_sigterm
from bgtasks_adapters.tasks import current_tasks
from bgtasks_adapters.workers import AsyncioLoop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from bgtasks_adapters.settings import SettingsKeywords
    from bgtasks_adapters.surroundings import HostContext


class Boundary:
    """Give every response of an ASGI application a scope, and end that with the response.

    For adapters, which bring typed settings and the surroundings of their framework's tasks.
    """

    def __init__(self, app: ASGIApp, settings: Settings, host: HostContext | None = None) -> None:
        _check_application(app)
        self.app = _answering_probes(app, settings)
        self.settings = settings
        self._host = host
        self._asyncio_loop: AbstractEventLoop | None = None
        self._loop: AsyncioLoop | TrioLoop | None = None
        self._is_drained_by_lifespan = False
        handle_sigterm(settings)
        announcement.at_load(settings, "ASGI")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._run_lifespan(scope, receive, send)
            return
        outer: ResponseScope | None = scope.get(SCOPE_KEY)
        if kind not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if outer is not None and not outer.is_over:
            if self._host is not None:  # a boundary further out owns the response
                outer.join(self._host)
            await self.app(scope, receive, send)
            return
        if announcement.is_due:
            announcement.at_use(self.settings, "ASGI", has_lifespan=self._is_drained_by_lifespan)
        running = running_asyncio_loop()
        if running is None or running is not self._asyncio_loop:
            self._find_loop(running)
        response = ResponseScope(self.settings, self._host, self._loop)
        scope = {**scope, SCOPE_KEY: response}
        new_exchange = HttpExchange if kind == "http" else WebsocketExchange
        exchange = new_exchange(response, receive, send)
        token = current_tasks.set(response)  # use_tasks, without its object
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            current_tasks.reset(token)
            exchange.end(error)
            await self._wait(response, exchange)
            raise
        current_tasks.reset(token)
        if not response.is_over:  # else its last message was sent, and with that it ended
            exchange.end(None)
        if exchange.must_run_inline or response.tasks:
            await self._wait(response, exchange)

    async def _wait(self, response: ResponseScope, exchange: Exchange) -> None:
        """Wait for tasks that nobody else waits for: inline ones, or without a lifespan all."""
        if exchange.must_run_inline:
            with anyio.CancelScope(shield=True):
                await response.run_awaited()
        elif response.tasks and not self._is_drained_by_lifespan:
            # A server that has cancelled the request may be ending, and may wait for this.
            limit = self.settings.shutdown_timeout if is_cancelling() else None
            with anyio.move_on_after(limit, shield=True):
                await response.activity.wait()

    def _find_loop(self, running: AbstractEventLoop | None) -> None:
        if self._loop is None or not self._loop.is_running_here(running):
            self._asyncio_loop = running
            self._loop = TrioLoop() if running is None else AsyncioLoop(running)

    async def _run_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        lifespan = Lifespan(receive, send, self._begin_journal, self._drain)
        self._is_drained_by_lifespan = True
        if announcement.is_due:
            announcement.at_use(self.settings, "ASGI", has_lifespan=True)
        try:
            try:
                await self.app(scope, lifespan.receive, lifespan.send)
            except Exception as error:
                # The specification: one that raises here has no lifespan, and the server goes on.
                if lifespan.is_answered:
                    raise
                logger.debug("The application has no lifespan; it is answered", exc_info=error)
            await lifespan.answer_the_rest()
        finally:
            self._is_drained_by_lifespan = False
            shutdown.end_orderly_end(lifespan)

    def _begin_journal(self) -> None:
        """Take over what dead processes have left, before the first request.

        Not where a framework may stand behind an application that is wrapped as any other: what
        its tasks need around them is known from its first response on.
        """
        if self.settings.journal is not None and self._host is not None:
            self._find_loop(running_asyncio_loop())
            self.settings.journal.begin(ResponseScope(self.settings, self._host, self._loop))

    async def _drain(self) -> None:
        self._is_drained_by_lifespan = False  # a request that is still there waits by itself
        if ledger.runs():  # else not even anyio's backend is imported, which takes its time
            await self._wait_for_runs()
        # Written now, because some servers end their process by a signal right behind this.
        shutdown.write_receipt()

    async def _wait_for_runs(self) -> None:
        is_idle = ThreadEvent()
        ledger.call_when_idle(is_idle.set)
        timeout = self.settings.shutdown_timeout
        with anyio.move_on_after(timeout) as deadline:
            await is_idle.wait()
        if deadline.cancelled_caught:
            leave_over_running(timeout)


class BackgroundTasksMiddleware(Boundary):
    """Run the tasks of each response of an ASGI application once its last message was sent.

    ``def`` tasks run on worker threads of this process, ``async def`` tasks on the server's loop.
    Wrap the outermost application, so that lifespan reaches it: at the server's shutdown it waits
    ``shutdown_timeout`` seconds for tasks. The keywords are the fields of ``Settings``.

    Where nothing inside saw how the view ended, a status of 400 or more counts as a view that
    raised. A websocket's tasks run when its connection has ended.
    """

    def __init__(self, app: TypedASGIApp, **settings: Unpack[SettingsKeywords]) -> None:
        super().__init__(app, Settings.from_mapping(settings))


def _answering_probes(app: ASGIApp, settings: Settings) -> ASGIApp:
    if not answers_probes():
        return app
    from bgtasks_adapters.answering import AsgiProbes

    return AsgiProbes(app, settings)


def _check_application(app: object) -> None:
    if not callable(app):
        raise InvalidApplicationError(
            f"{app!r} of type {type(app).__name__} is not callable. Pass the ASGI application."
        )
    try:
        inspect.signature(app).bind("scope", "receive", "send")
    except ValueError:  # a callable that tells no signature
        return
    except TypeError as error:
        raise InvalidApplicationError(
            f"{app!r} cannot be called with scope, receive and send ({error}), so it is no ASGI "
            "application. For a WSGI application take "
            "bgtasks_adapters.wsgi.BackgroundTasksMiddleware."
        ) from None


class TrioLoop:
    """A trio run on which tasks of their own are started, from any thread."""

    def __init__(self) -> None:
        from trio.lowlevel import current_trio_token

        self._token = current_trio_token()

    def is_running_here(self, asyncio_loop: object) -> bool:
        from trio.lowlevel import current_trio_token

        return asyncio_loop is None and current_trio_token() is self._token

    def start(self, function: Callable[[], Coroutine[Any, Any, None]], /) -> None:
        from trio.lowlevel import current_trio_token, in_trio_run, spawn_system_task

        # A system task: no scope of the request's reaches it, and it ends with the whole run.
        spawn = partial(spawn_system_task, function)
        if in_trio_run() and current_trio_token() is self._token:
            spawn()
        else:
            self._token.run_sync_soon(spawn)

    def is_alive(self) -> bool:
        try:
            self._token.run_sync_soon(lambda: None)
        except RuntimeError:  # RunFinishedError is one
            return False
        return True

    def outlive_the_server(self, seconds: float, /) -> None:
        """Do nothing: trio leaves no run behind that could go on."""
