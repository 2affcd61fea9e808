"""Tasks in Django's tests: within the TestCase's own thread, so that they see its rows.

A TestCase wraps each test in a transaction of the test thread's connection, which no other thread
can look into. There tasks run before the test client returns, in that thread, and leave its
connection as it is. So do tasks that a test captures, whatever its class. Other tests run them as
production does.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async
from django.db import connections

from bgtasks_adapters.concurrency import running_asyncio_loop
from bgtasks_adapters.process import ledger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bgtasks_adapters.dispatch import ResponseScope


def is_test_run() -> bool:
    """Tell whether Django's test environment is set up in this process."""
    utils: Any = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")


def is_in_testcase() -> bool:
    """Tell whether a connection of this thread is inside a TestCase's transaction."""
    return any(
        connection.in_atomic_block
        and any(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
        for connection in connections.all(initialized_only=True)
    )


def dispatch(scope: ResponseScope) -> None:
    """Run the tasks of a response that is over, inline where a TestCase is at work."""
    if SyncToAsync.thread_sensitive_context.get(None) is not None:
        # A request that Django's ASGI handler serves, as in production: no test client at all,
        # and the thread to ask is the one that waits here.
        scope.dispatch()
        return
    if scope.loop is None:
        if is_in_testcase() and not scope.is_captured:
            test_thread.wait_for(lambda: scope.run_awaited(test_thread.to_thread))
        else:
            scope.dispatch()
        return
    loop: Any = scope.loop
    if running_asyncio_loop() is loop.loop:
        # A streaming response of AsyncClient is closed on the loop, which cannot be held here.
        ledger.start(scope)  # drain() waits for it from now on, not only once it has begun
        loop.start(lambda: dispatch_on_loop(scope))
    else:
        asyncio.run_coroutine_threadsafe(dispatch_on_loop(scope), loop.loop).result()


async def dispatch_on_loop(scope: ResponseScope) -> None:
    """Do the same from a loop: tasks have ended when this has, where a TestCase is at work."""
    try:
        if scope.is_captured or await sync_to_async(is_in_testcase)():
            await scope.run_awaited(test_thread.to_thread)
        else:
            scope.dispatch()
    finally:
        ledger.finish(scope)


class _TestThread:
    """The thread of a test (``surroundings.TestThread``), as Django's own bridges find it."""

    def wait_for(self, function: Callable[[], Awaitable[None]], /) -> None:
        async def wait() -> None:
            await function()

        async_to_sync(wait)()

    async def to_thread(self, leg: Callable[[], None], /) -> None:
        await sync_to_async(leg)()


test_thread = _TestThread()
