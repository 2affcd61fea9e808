"""Programs that fork when their workers are in use."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

from bgtasks_adapters import add_task, drain, stats
from tests.programs import log_everything, say
from tests.wsgi_server import PATIENCE, WsgiExchange, app_of, bounded, respond


async def _asay(text: str) -> None:
    await asyncio.sleep(0)
    say(text)


def _run_one_of_each(who: str) -> None:
    respond(lambda: [add_task(say, f"{who}: def"), add_task(_asay, f"{who}: async")])


def _fork(child: Callable[[], object]) -> bool:
    """Run ``child`` in a child, and wait for its end; True in the parent."""
    pid = os.fork()
    if pid == 0:
        child()
        return False
    _, status = os.waitpid(pid, 0)
    say("child ended with", os.waitstatus_to_exitcode(status))
    return True


def run_before_and_behind() -> None:
    """Run tasks, fork, and run tasks in the child and then in the parent."""
    log_everything()
    _run_one_of_each("parent")

    def child() -> None:
        say("child:", stats().added, "added before")
        _run_one_of_each("child")
        say("child:", stats().succeeded, "succeeded")

    if _fork(child):
        _run_one_of_each("parent again")


def fork_with_a_task_running() -> None:
    """Fork while a task runs in the parent: the child neither has it nor waits for it."""
    log_everything()
    started, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        may_end.wait(PATIENCE)
        say(os.getpid() == parent, "parent's task ended")

    parent = os.getpid()
    WsgiExchange(bounded(app_of(lambda: add_task(hold)), max_workers=1)).run()
    started.wait(PATIENCE)

    def child() -> None:
        say("child drained:", drain(0), stats().pending)
        respond(lambda: add_task(say, "child's task"), max_workers=1)

    if _fork(child):
        may_end.set()


def fork_on_a_thread() -> None:
    """Fork on a thread that is not the main one; it is the child's main thread."""
    log_everything()
    _run_one_of_each("parent")

    def child() -> None:
        _run_one_of_each("child")
        os._exit(0)  # its main thread is no thread that Python's exit knows

    def work() -> None:
        _fork(child)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
