"""Programs that wait for SIGTERM with a task running."""

from __future__ import annotations

import signal
import sys
import threading
from queue import SimpleQueue
from typing import Any

from bgtasks_adapters import add_task, sigterm
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware
from tests.programs import FOR_EVER, log_everything, say
from tests.wsgi_server import WsgiExchange, app_of

MODES: dict[str, Any] = {"auto": "auto", "True": True, "False": False}


_has_started = threading.Event()


def _finish_behind_the_main_thread() -> None:
    _has_started.set()
    threading.main_thread().join(FOR_EVER)
    say("finished")


def _hang() -> None:
    _has_started.set()
    threading.main_thread().join(FOR_EVER)
    say("main thread ended")
    threading.Event().wait(FOR_EVER)


def _finish_when_told() -> None:
    _has_started.set()
    threading.main_thread().join(FOR_EVER)
    say("main thread ended")
    sys.stdin.readline()
    say("finished")


def _serve(task: Any, mode: str) -> None:
    log_everything()
    app = BackgroundTasksMiddleware(app_of(lambda: add_task(task)), handle_sigterm=MODES[mode])
    WsgiExchange(app).run()


def _say_when_the_task_has_started() -> None:
    # By the main thread: a signal that arrives while it is inside a __del__ would be lost, as
    # every exception there is.
    _has_started.wait(FOR_EVER)
    say("started")


def wait(mode: str) -> None:
    """Wait with the default handler of SIGTERM in place."""
    _serve(_finish_behind_the_main_thread, mode)
    _say_when_the_task_has_started()
    signal.pause()
    say("went on")


def wait_with_a_handler(mode: str) -> None:
    """Wait with a handler of the server's own, which ends the process in its own way."""
    told: SimpleQueue[bool] = SimpleQueue()  # an Event may be locked by whom the signal interrupts

    def handler(signum: int, frame: object) -> None:
        say("the server's handler")
        told.put(True)

    signal.signal(signal.SIGTERM, handler)
    _serve(_finish_behind_the_main_thread, mode)
    _say_when_the_task_has_started()
    if told.get(timeout=FOR_EVER):
        say("went on")


def hang(mode: str) -> None:
    """Wait with a task that does not end."""
    _serve(_hang, mode)
    _say_when_the_task_has_started()
    signal.pause()


def wait_for_a_repetition() -> None:
    """Wait with a task that is told when to end, and take any repetition for the same SIGTERM."""
    sigterm.REPEAT_SECONDS = FOR_EVER
    _serve(_finish_when_told, "auto")
    _say_when_the_task_has_started()
    signal.pause()


def be_held_by_another_thread(receipt: str) -> None:
    """Wait with a thread of somebody else's that would hold the exit for ever."""
    log_everything()
    sigterm.EXIT_GRACE_SECONDS = 0.2
    threading.Thread(target=threading.Event().wait, args=(FOR_EVER,)).start()
    app = BackgroundTasksMiddleware(
        app_of(lambda: add_task(_hang)), receipt=receipt, shutdown_timeout=0.1
    )
    WsgiExchange(app).run()
    _say_when_the_task_has_started()
    signal.pause()


def load_in_a_thread() -> None:
    """Make the application on a thread, where no signal handler can be set."""
    thread = threading.Thread(target=_serve, args=(lambda: say("ran"), "True"))
    thread.start()
    thread.join(FOR_EVER)
    say("default", signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)


def load_in_a_thread_below_a_handler() -> None:
    """Make the application on a thread of a server that has a handler."""
    signal.signal(signal.SIGTERM, lambda signum, frame: None)
    thread = threading.Thread(target=_serve, args=(lambda: say("ran"), "auto"))
    thread.start()
    thread.join(FOR_EVER)


def run_inline() -> None:
    """Be told to end while a task runs on the main thread itself."""
    log_everything()

    def pause() -> None:
        say("started")
        signal.pause()

    app = BackgroundTasksMiddleware(
        app_of(lambda: [add_task(pause), add_task(say, "must not run")]), executor="inline"
    )
    WsgiExchange(app).run()
    say("went on")


def be_held_by_a_thread() -> None:
    """Leave at SIGTERM with a thread of somebody else's that an exit waits for."""

    log_everything()
    sigterm.EXIT_GRACE_SECONDS = 0.2
    threading.Thread(target=threading.Event().wait, args=(FOR_EVER,)).start()
    app = app_of(lambda: add_task(say, "started"))
    WsgiExchange(BackgroundTasksMiddleware(app, shutdown_timeout=0.2)).run()
    signal.pause()
