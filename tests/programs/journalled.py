"""Programs that keep their tasks in a journal, and die, or go on with what others have left."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.to_thread
from huey import FileHuey

from bgtasks_adapters import TaskEvent, add_task, get_background_tasks, handoff, keeping
from bgtasks_adapters.handoff import Handoff
from bgtasks_adapters.journal import Journal
from bgtasks_adapters.sqlite_store import SqliteStore
from tests.asgi_server import lifespan_of
from tests.programs import FOR_EVER, log_everything, say
from tests.wsgi_server import PATIENCE, WsgiExchange, app_of, bounded


def note(*args: Any, **kwargs: Any) -> None:
    say("ran", *args, *kwargs.items())


async def anote(*args: Any) -> None:
    say("ran async", *args)


def fail(*args: Any) -> None:
    note(*args)
    raise ValueError(*args)


opened: list[Journal] = []


def open_journal(path: str, **options: Any) -> Journal:
    opened.append(Journal(path, **options))
    return opened[-1]


def die(*args: Any) -> None:
    """Die as at the hands of the kernel, when the journal knows what has ended before."""
    note(*args)
    opened[-1].flush(PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


holding = threading.Event()
may_end = threading.Event()


def hold(*args: Any) -> None:
    """Run until the process ends, unless it is a later one, which need not."""
    note("held no longer" if may_end.is_set() else "holding", *args)
    holding.set()
    may_end.wait(FOR_EVER)


class Engine:
    """A Huey whose queue is a folder, and the task that handoffs go to."""

    def __init__(self, folder: str) -> None:
        self.huey = FileHuey(path=folder, results=False)
        self.task = self.huey.task()(run_background_task)

    def queued(self) -> list[str]:
        return [task.id for task in self.huey.pending()]


def run_background_task(path: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    handoff.run(path, args, kwargs)


class Counted:
    """An observer that lets a program wait until so many tasks have had their fate."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._all = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, event: TaskEvent) -> None:
        say(event.kind, event.task.name.rpartition(".")[2])
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self._all.set()

    def wait(self) -> None:
        assert self._all.wait(PATIENCE), f"{self._left} tasks have had no fate"


def serve(path: str, view: Callable[[], object], number: int = 0, **settings: Any) -> None:
    """Serve one request, and wait for so many fates."""
    log_everything()
    fates = Counted(number)
    journal = open_journal(path)
    WsgiExchange(bounded(app_of(view), journal=journal, observers=[fates], **settings)).run()
    if number:
        fates.wait()


def hold_in_the_second_task(path: str) -> None:
    """Die while a task runs and others wait, when the journal knows that the first has ended."""

    def view() -> None:
        add_task(note, 1)
        add_task(hold, 2)
        add_task(note, 3, word=["drei", None])
        add_task(anote, 4)

    threading.Thread(target=_die_when_holding, daemon=True).start()
    serve(path, view, 99)


def _die_when_holding() -> None:
    holding.wait(PATIENCE)
    opened[-1].flush(PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_the_response(path: str) -> None:
    def view() -> None:
        add_task(note, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    serve(path, view)


def fail_and_die(path: str) -> None:
    def view() -> None:
        add_task(fail, 1)
        add_task(die, 2)

    serve(path, view, 99)


def go_on(path: str, number: str) -> None:
    """Serve a request that adds nothing; run so many tasks that others have left."""
    serve(path, lambda: None, int(number))
    opened[-1].flush(PATIENCE)


def go_on_without_holding(path: str, number: str) -> None:
    may_end.set()
    go_on(path, number)


def go_on_with_note_renamed(path: str) -> None:
    del globals()["note"]
    go_on(path, "0")


class LateStore(SqliteStore):
    """Deletes nothing before the main thread has ended, and then slowly."""

    def delete(self, numbers: Sequence[int]) -> None:
        threading.main_thread().join()
        for number in numbers:
            super().delete([number])


def end_in_order(path: str) -> None:
    """End when the last of many tasks has ended."""
    journal = open_journal(path)
    journal.store = LateStore(path, "FULL")

    def view() -> None:
        for number in range(200):
            add_task(note, number)

    WsgiExchange(bounded(app_of(view), journal=journal)).run()


def die_with_others(path: str) -> None:
    """Die by one of several tasks, of several responses."""
    log_everything()
    journal = open_journal(path)

    def respond(*functions: Callable[..., object]) -> None:
        def view() -> None:
            for number, function in enumerate(functions):
                add_task(function, number)

        WsgiExchange(bounded(app_of(view), journal=journal, max_workers=1)).run()

    respond(hold_until_told)
    respond(note, die, note)
    for _ in range(3):
        respond(note, note)
    told.set()
    threading.Event().wait(PATIENCE)


told = threading.Event()


def hold_until_told(*args: Any) -> None:
    told.wait(PATIENCE)


def live(path: str) -> None:
    """Hold a task, and take over what others leave, until the standard input ends."""
    keeping.LOOK_SECONDS = 0.05
    serve(path, lambda: add_task(hold, "alive"))
    sys.stdin.read()
    os._exit(0)


def fork_and_die(path: str) -> None:
    """Leave a child behind, which goes on when its parent is killed, as its lease does not."""
    log_everything()
    journal = open_journal(path)

    def view() -> None:
        add_task(hold, "parent")

    WsgiExchange(bounded(app_of(view), journal=journal)).run()
    if os.fork() == 0:
        WsgiExchange(bounded(app_of(lambda: add_task(hold, "child")), journal=journal)).run()
        sys.stdin.read()
        os._exit(0)
    threading.Event().wait(FOR_EVER)


def end_too_early(path: str) -> None:
    """End in order, but before two tasks, one of which runs."""

    def view() -> None:
        add_task(note, 1)
        add_task(hold, 2)
        add_task(note, 3)

    serve(path, view, shutdown_timeout=0.2, receipt=f"{path}.receipt")


def add_many(path: str, number: str) -> None:
    """Open the journal when many others do, and add to it."""
    journal = open_journal(path)
    sys.stdin.readline()

    def view() -> None:
        for each in range(int(number)):
            add_task(note, each)
        get_background_tasks().using(journal=False).add_task(note, "last")

    WsgiExchange(bounded(app_of(view), journal=journal)).run()


def hand_off_and_die(path: str, folder: str) -> None:
    """Die with a task that the engine has not been given yet."""
    engine = Engine(folder)

    def view() -> None:
        add_task(note, "over there")
        get_background_tasks().using(handoff=False).add_task(note, "here")
        os.kill(os.getpid(), signal.SIGKILL)

    serve(path, view, handoff=Handoff(engine.task))


def hand_off_what_is_left(path: str, folder: str) -> None:
    engine = Engine(folder)
    serve(path, lambda: None, 2, handoff=Handoff(engine.task))
    say("queued", *engine.queued())
    while (task := engine.huey.dequeue()) is not None:
        engine.huey.execute(task)


def hand_off_to_one_that_is_away(path: str, folder: str) -> None:
    """The engine refuses at first; then it is there again."""
    keeping.RETRY_SECONDS = keeping.LOOK_SECONDS = 0.05
    engine = Engine(folder)
    shutil.rmtree(folder)
    log_everything()
    fates = Counted(3)
    app = bounded(
        app_of(lambda: add_task(note, "at last")),
        journal=open_journal(path),
        handoff=Handoff(engine.task),
        observers=[fates, lambda event: os.makedirs(folder, exist_ok=True) if tries() else None],
    )
    tried = [0]

    def tries() -> bool:
        tried[0] += 1
        return tried[0] == 2

    WsgiExchange(app).run()
    fates.wait()
    say("queued", len(engine.queued()))


async def _go_on_at_startup(path: str) -> None:
    """Serve no request, but begin: Quart's tasks are known before."""
    from quart import Quart

    from bgtasks_adapters.quart import init_app

    fates = Counted(1)
    app: Any = Quart("journalled")
    app.config["SHOP"] = "books"

    init_app(app, journal=open_journal(path), observers=[fates], handle_sigterm=False)
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        await anyio.to_thread.run_sync(fates.wait)
        await lifespan.shut_down()


def go_on_at_startup(path: str) -> None:
    log_everything()
    anyio.run(_go_on_at_startup, path)


async def note_where(*args: Any) -> None:
    """Say which application's context the task has, and on which thread its loop runs."""
    from quart import current_app

    is_main = threading.current_thread() is threading.main_thread()
    say("ran in", current_app.config["SHOP"], "on the server's loop:", is_main, *args)


def die_with_a_task_of_quart(path: str) -> None:
    def view() -> None:
        add_task(note_where, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    serve(path, view)
