"""A response and its tasks: who owns them, how the response ended, and so which tasks run.

Adapters tell a ``ResponseScope`` what they see (the view began, raised, returned; the response is
over). It decides; a ``runner.Run`` does the work.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

from bgtasks_adapters.abandoned import abandon
from bgtasks_adapters.activity import Activity
from bgtasks_adapters.arguments import rules_of_every_host
from bgtasks_adapters.captors import current
from bgtasks_adapters.concurrency import is_on_loop
from bgtasks_adapters.fates import Fates
from bgtasks_adapters.holds import Held
from bgtasks_adapters.process import ledger
from bgtasks_adapters.runner import Run
from bgtasks_adapters.runs import Runs
from bgtasks_adapters.shutdown import shutdown
from bgtasks_adapters.tasks import BackgroundTasks
from bgtasks_adapters.views import View
from bgtasks_adapters.workers import loop_thread, workers_of

if TYPE_CHECKING:
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.outcome import ViewError
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.surroundings import HostContext, ToThread
    from bgtasks_adapters.tasks import BackgroundTask
    from bgtasks_adapters.workers import Loop

SCOPE_KEY = "bgtasks_adapters.scope"
"""Where a response's scope lies, in a WSGI environ or an ASGI scope."""


class ResponseScope:
    """One response on its way, and the collection of its tasks.

    The outermost adapter makes it and is the only one to end it; inner ones find it and share it.
    """

    def __init__(
        self, settings: Settings, host: HostContext | None = None, loop: Loop | None = None
    ) -> None:
        self.settings = settings
        self.hosts: tuple[HostContext, ...] = () if host is None else (host,)
        self.loop = loop
        self.runs_if_dropped = True
        self.drop_notice: str | None = None
        self.is_open_connection = False
        """Whether it is a websocket that was accepted: it ends with the process at the latest."""
        self.is_client_gone = False
        """Whether a websocket's client has left: however its view ends then is its usual end."""
        self.captor = captor = current.captor
        self.raises_failures = False
        """Whether its owner raises what tasks raised, so that nobody else has to."""
        self.fates = Fates(settings if captor is None else captor.observed(settings))
        self.tasks = BackgroundTasks()
        self.tasks.owner = self
        self._lock = self.tasks.lock
        self._run: Run | None = None
        self.activity = Activity()
        self._is_open = False
        self._is_over = False
        self.is_dispatched = False
        self._refuses = settings.overflow == "refuse"
        self._counted = 0
        self._running_views: list[View] = []
        self._held = Held(self, self._lock)

    # What the adapters say while the response is being made.

    def join(self, host: HostContext) -> None:
        """Add an inner adapter's surroundings, for the tasks added from now on."""
        if host not in self.hosts:
            self.hosts = (*self.hosts, host)

    def new_part(self) -> ResponseScope:
        """Return a scope for tasks that wait for a block within this response only, no commit."""
        from dataclasses import replace  # slow to import, and seldom needed

        part = ResponseScope(replace(self.settings, on_commit=False))
        part.hosts = self.hosts
        return part

    def view(self, *, is_outer: bool = False, may_hide_errors: bool = False) -> View:
        """Return the context manager to put around the call of the view; see ``views.View``."""
        return View(self, is_outer, may_hide_errors)

    def view_began(self, view: View, /) -> None:
        with self._lock:
            self._running_views.append(view)

    def view_ended(self, view: View, error: BaseException | None, /) -> None:
        if error is not None:
            self.view_raised(error)
        elif not view.may_hide_errors:
            self.view_returned()
        with self._lock:
            self._running_views.remove(view)
            is_due = self._is_over and not self._running_views
        if is_due:
            self.dispatch()

    def view_raised(self, error: ViewError) -> None:
        """Note that the view failed. Decides for the tasks added so far, not for later ones."""
        notes = self.fates.notes
        if isinstance(error, str) and notes.view_fate == "raised":
            return  # seen before: tasks added since are an error handler's
        notes.view_fate = "raised"
        for task in self.tasks.tasks:
            if task.view_error is None and task.status == "pending":
                task.view_error = error

    def view_returned(self) -> None:
        """Note that the view returned a response, of whatever status."""
        if self.fates.notes.view_fate is None:
            self.fates.notes.view_fate = "returned"

    def started(self, status: int) -> None:
        """Note the status that the response has; a later call (an error page) corrects it."""
        self.fates.notes.status = status

    @property
    def status(self) -> int | None:
        return self.fates.notes.status

    @property
    def is_over(self) -> bool:
        return self._is_over

    @property
    def is_view_running(self) -> bool:
        """Tell whether a view is running that is not only watched from outside."""
        return any(not view.is_outer for view in self._running_views)

    @property
    def is_fate_known(self) -> bool:
        """Tell whether any adapter saw the view return or raise."""
        return self.fates.notes.view_fate is not None

    # What they say at its end.

    def end(
        self,
        *,
        status: int | None = None,
        error: BaseException | None = None,
        is_disconnected: bool = False,
    ) -> None:
        """Note that the response is over and start its tasks; only the first call counts.

        Returns at once, except on a thread that has to run them itself (``executor="inline"``,
        or ``max_pending`` reached). Where a ``def`` view still runs, because the client left and
        the framework did not wait for it, the tasks wait for the view.
        """
        if status is not None and not self._is_over:
            self.started(status)
        if self.note_end(error=error, is_disconnected=is_disconnected):
            self.dispatch()

    def note_end(
        self, *, error: BaseException | None = None, is_disconnected: bool = False
    ) -> bool:
        """Note that the response is over; True if the caller is the one to start its tasks."""
        with self._lock:
            if self._is_over:
                return False
            self._is_over = self.fates.is_response_over = True
            self.fates.notes.app_error = error
            self.fates.notes.is_disconnected = is_disconnected
            return not self._running_views

    def dispatch(self) -> None:
        """Start the tasks, here or on the workers; see ``end``."""
        must_run_here = self.is_inline or not self.has_room
        if must_run_here and not is_on_loop():
            self.run_here()
        else:
            self.start()

    def start(self) -> None:
        """Start the tasks on the workers, never here."""
        self._due().start()

    def run_here(self) -> None:
        """Run all tasks within the calling thread's time; for the end of a block or a request."""
        self._due().run_here()

    async def run_awaited(self, to_thread: ToThread | None = None) -> None:
        """Run all tasks within the calling coroutine; see ``runs.Runs``."""
        await self._due().run_awaited(to_thread)

    @property
    def is_inline(self) -> bool:
        """Tell whether tasks run within the response, so that there is always room for them."""
        return self.is_captured or self.settings.executor == "inline"

    @property
    def is_captured(self) -> bool:
        """Tell whether a test captures its tasks."""
        return self.captor is not None

    def _due(self) -> Runs:
        """Turn the tasks that may run into runs, as far as they may start."""
        return self._allowed(self._judged_runs())

    def _allowed(self, due: list[Run]) -> Runs:
        runs = Runs(self, due)
        return runs if self.captor is None or self.captor.lets_run(runs) else Runs(self, [])

    def _judged_runs(self) -> list[Run]:
        with self._lock:
            if self.fates.dispatched_at is not None:
                return []
            self.fates.begin()
        is_over = False
        runs: list[Run] = []
        while not is_over:
            with self._lock:
                added = self.tasks.tasks[self._counted :]
                held = self._held.take(added)
                if held:
                    added = [task for task in added if task not in held]
                    self.tasks.tasks[self._counted :] = added
                self._counted += len(added)
                is_over = not added  # from here on an added task is a late one
                if is_over:
                    self.is_dispatched = True
                    runs = self._new_runs()
                pending = [task for task in added if task.status == "pending"]
            ledger.count_added(len(pending))
            self.fates.judge_all(pending)
            self._held.watch(held)
        with self._lock:
            if self._is_open and not self._held.tasks:
                ledger.close(self)
        return runs

    def _new_runs(self) -> list[Run]:
        pending = (task for task in self.tasks.tasks if task.status == "pending")
        if self.tasks.concurrent:
            return [self._new_run([task]) for task in pending]
        if next(pending, None) is None:
            return []
        self._run = self._new_run(self.tasks.tasks)
        return [self._run]

    def _new_run(self, tasks: list[BackgroundTask]) -> Run:
        return Run(self, tasks, workers_of(self.settings.max_workers), self.loop or loop_thread())

    @property
    def has_room(self) -> bool:
        """Tell whether this process may take on more tasks."""
        return ledger.has_room(self.settings.max_pending)

    # What the collection asks (tasks.Owner).

    def admit(self, task: BackgroundTask, /) -> None:
        if self._refuses:
            waiting = 0 if self.is_dispatched else len(self.unfinished_tasks())
            ledger.refuse_beyond(self.settings.max_pending, task, waiting)
        if self.hosts:
            task.captured = tuple([host.capture(task) for host in self.hosts])
            if task.options.waits_for_commit(self.settings.when, self.settings.on_commit):
                holds = filter(None, [host.hold(task) for host in self.hosts])
                task.hold = next(holds, None)
        elif task.args or task.kwargs or type(task.func) is not FunctionType:
            rules_of_every_host.check(task)
        if not self._is_open:
            self._is_open = True
            ledger.open(self)
            shutdown.watch(self.settings)
        if self.captor is not None:
            self.captor.note_added(self, task)

    def append_late(self, task: BackgroundTask, /) -> None:
        with self._lock:
            held = self._held.take([task])
            if held:
                ledger.open(self)
        if held:
            self._held.watch(held)
            return
        ledger.count_added(1)
        may_run = self.fates.judge(task)
        with self._lock:
            self.tasks.tasks.append(task)
            self._counted += 1
            if not may_run:
                return
            if self.tasks.concurrent:
                run = self._new_run([task])
            elif self._run is None:
                run = self._run = self._new_run(self.tasks.tasks)
            elif self._run.reopen():
                run = self._run
            else:
                return  # the run is under way and will come to it
        runs = self._allowed([run])
        if self.is_inline and not is_on_loop():
            runs.run_late_here()
        else:
            runs.start()

    def held_tasks(self) -> list[BackgroundTask]:
        return self._held.tasks

    def withdraw(self, task: BackgroundTask, fate: Fate, reason: str, /) -> None:
        if self._held.release(task) or self.tasks.tasks.index(task) >= self._counted:
            ledger.count_added(1)
        self.fates.settle(task, fate, reason=reason)

    # What a run asks (runner.Response).

    @property
    def stops_on_error(self) -> bool:
        return self.settings.on_error == "stop"

    # What the process asks at its end (process.OpenResponse).

    def unfinished_tasks(self) -> list[BackgroundTask]:
        """Return the tasks that no run has: all of them before the end, then those held."""
        tasks = self._held.tasks if self.is_dispatched else self.tasks.tasks
        return [task for task in tasks if task.status in ("pending", "running")]

    def end_with_process(self) -> None:
        if self.is_open_connection:
            self.view_returned()
            self.end(is_disconnected=True)

    def outlive_the_server(self, seconds: float, /) -> None:
        if self.loop is not None:
            self.loop.outlive_the_server(seconds)

    def leave_over(self, reason: str) -> None:
        self.withdraw_all("left_over", reason)

    # What is asked of it when nobody ended it (abandoned.Response).

    def withdraw_all(self, fate: Fate, reason: str, /) -> None:
        with self._lock:
            for task in self.unfinished_tasks():
                self.withdraw(task, fate, reason)

    def __del__(self) -> None:
        if self._is_open and not self.is_dispatched:
            ledger.close(self)
            abandon(self)
