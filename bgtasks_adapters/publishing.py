"""Giving an engine a call, in bounded time.

A broker may accept a connection and never answer, and then the engine's client waits for as long
as it likes. So it is called on a thread that nobody has to wait for: a daemon, which holds neither
the end of a response nor the exit of the process.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bgtasks_adapters import concurrency, process
from bgtasks_adapters.engines import Call, Found, check_call
from bgtasks_adapters.exceptions import HandoffError, InvalidOptionError
from bgtasks_adapters.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from bgtasks_adapters.options import Options
    from bgtasks_adapters.tasks import BackgroundTask

SECONDS = 5.0
"""How long an engine has to take a task, unless a ``Handoff`` says otherwise."""
THREADS = 4
"""So many calls of one engine may hang before the next ones fail at once."""


class Job:
    """One call for an engine, and how long that may take."""

    def __init__(
        self,
        found: Found,
        name: str,
        call: Call,
        seconds: float = SECONDS,
        *,
        is_native: bool = False,
    ) -> None:
        check_call(found, name, call)
        self.is_native = is_native
        """Whether it is a task of the engine itself, which can run nowhere else."""
        self.id = call.id
        self.engine = found.engine
        self._name = name
        self._task = found.task
        self._call = call
        self._seconds = seconds

    @property
    def is_async(self) -> bool:
        return self.engine.is_async

    def with_options(self, options: Options) -> Job:
        """Return the job of an engine's own task, with what ``using()`` says of it."""
        if options.handoff is not None:
            raise InvalidOptionError(
                f"using(handoff={options.handoff!r}) on {self._name}, which is a task of "
                f"{self.engine.name} and goes there. To run it here, or elsewhere, pass the "
                "function that it was made of."
            )
        refuse_timeout(self._name, options)
        call = self._call._replace(id=options.id or self.id, options=options.engine or {})
        found = Found(self.engine, self._task)
        return Job(found, self._name, call, self._seconds, is_native=True)

    def send(self) -> None:
        """Give the engine the call, on whatever thread its row says; raise if it was not taken."""
        if self.engine.is_sent_here:
            self._send()
        else:
            _publisher(self.engine.name).call(self._send, self._seconds, self._where())

    async def asend(self) -> None:
        """Do the same for an engine that is awaited, on the loop that runs tasks."""
        try:
            await concurrency.run_with_deadline(self._send(), self._seconds, self)
        except concurrency.DeadlineExceededError as error:
            raise HandoffError(
                f"{self._where()} did not answer within {self._seconds:g} s. The task may run "
                "there, if it has got it all the same."
            ) from error

    def _send(self) -> Any:
        return self.engine.send(self._task, self._call)

    def _where(self) -> str:
        return f"{self.engine.name}, given {self._name}"


def refuse_timeout(name: str, options: Options) -> None:
    """Refuse a timeout for a task that runs where nobody here could keep it."""
    if options.timeout is not None:
        raise InvalidOptionError(
            f"using(timeout={options.timeout!r}) on {name}, which is handed off: nobody here sees "
            "it run. Set a limit where your engine has it."
        )


def native_job(found: Found, task: BackgroundTask) -> Job:
    """Return the job of a task whose function is itself a task of an engine."""
    return Job(found, task.name, Call(uuid4().hex, task.args, task.kwargs, {}), is_native=True)


class Publisher:
    """Threads for calls that may hang, for one engine."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._reset()
        process.call_in_forked_child(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._workers = Workers(self._threads)
        self._hanging = 0

    def call(self, function: Callable[[], object], seconds: float, where: str) -> None:
        """Call a function and wait for at most so many seconds; raise what it raises.

        Raises ``HandoffError`` if it takes longer. If it has not begun by then it never will.
        """
        if self._hanging >= self._threads:
            raise HandoffError(
                f"{where} was not tried: {self._hanging} calls to it are unanswered for longer "
                "than they may take."
            )
        attempt = _Attempt(self, function)
        self._workers.submit(attempt.run)
        if attempt.has_ended.wait(seconds):
            if attempt.error is not None:
                raise attempt.error
            return
        has_begun = attempt.give_up()
        if attempt.has_ended.is_set() and has_begun:  # in the last moment
            if attempt.error is not None:
                raise attempt.error
            return
        what = (
            "The task may run there, if it has got it all the same."
            if has_begun
            else "It was not even asked, because all calls before it hang, too."
        )
        raise HandoffError(f"{where} did not answer within {seconds:g} s. {what}")

    def note_hanging(self, change: int) -> None:
        with self._lock:
            self._hanging += change


class _Attempt:
    def __init__(self, publisher: Publisher, function: Callable[[], object]) -> None:
        self._publisher = publisher
        self._function = function
        self._lock = threading.Lock()
        self._has_begun = False
        self._is_given_up = False
        self.has_ended = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        with self._lock:
            if self._is_given_up:
                return
            self._has_begun = True
        try:
            self._function()
        except BaseException as error:  # passed on to who waits
            self.error = error
        with self._lock:
            self.has_ended.set()
            if self._is_given_up:
                self._publisher.note_hanging(-1)

    def give_up(self) -> bool:
        """Wait no longer; tell whether the call had begun."""
        with self._lock:
            if not self.has_ended.is_set():
                self._is_given_up = True
                if self._has_begun:
                    self._publisher.note_hanging(1)
            return self._has_begun


@cache
def _publisher(engine: str) -> Publisher:
    return Publisher()
