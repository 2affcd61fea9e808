"""A response on its way: who owns it, what the adapters see of it, and how it ended.

Adapters tell a ``ResponseScope`` what they see (the view began, raised, returned; the response is
over). Its ``work`` decides which tasks that lets run; a ``runner.Run`` runs them.
"""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING

from bgtasks_adapters.abandoned import abandon
from bgtasks_adapters.arguments import rules_of_every_host
from bgtasks_adapters.captors import current
from bgtasks_adapters.concurrency import is_on_loop
from bgtasks_adapters.events import logger
from bgtasks_adapters.options import NO_OPTIONS
from bgtasks_adapters.outcome import Notes
from bgtasks_adapters.process import ledger
from bgtasks_adapters.runs import Runs
from bgtasks_adapters.shutdown import shutdown
from bgtasks_adapters.tasks import BackgroundTasks, current_tasks
from bgtasks_adapters.views import View
from bgtasks_adapters.work import Work

if TYPE_CHECKING:
    from bgtasks_adapters.activity import Activity
    from bgtasks_adapters.entries import Keeper
    from bgtasks_adapters.events import Fate
    from bgtasks_adapters.fates import Fates
    from bgtasks_adapters.holds import Hold
    from bgtasks_adapters.outcome import ViewError
    from bgtasks_adapters.runner import Run
    from bgtasks_adapters.settings import Settings
    from bgtasks_adapters.surroundings import HostContext, ToThread
    from bgtasks_adapters.tasks import BackgroundTask
    from bgtasks_adapters.workers import Loop

SCOPE_KEY = "bgtasks_adapters.scope"
"""Where a response's scope lies, in a WSGI environ or an ASGI scope."""


class ResponseScope(BackgroundTasks):
    """One response on its way, which is also the collection of its tasks.

    The outermost adapter makes it and is the only one to end it; inner ones find it and share it.
    Nothing that it holds holds it in turn once its tasks have ended: it goes with its request, and
    leaves the garbage collector nothing to do.
    """

    # With the class, because few responses have it otherwise: one that queues nothing is to cost
    # next to nothing.
    is_dispatched = False
    runs_if_dropped = True
    drop_notice: str | None = None
    is_open_connection = False
    """Whether it is a websocket that was accepted: it ends with the process at the latest."""
    is_client_gone = False
    """Whether a websocket's client has left: however its view ends then is its usual end."""
    rules = rules_of_every_host
    """What ``add_task`` says of arguments, for a framework whose tasks need nothing around them;
    one that is a host has rules of its own."""
    raises_failures = False
    """Whether its owner raises what tasks raised, so that nobody else has to."""
    _work: Work | None = None

    def __init__(
        self, settings: Settings, host: HostContext | None = None, loop: Loop | None = None
    ) -> None:
        self.tasks: list[BackgroundTask] = []
        self.settings = settings
        self.hosts: tuple[HostContext, ...] = () if host is None else (host,)
        self.loop = loop
        self.captor = current.captor
        self.notes = Notes()
        self.running_views: list[View] = []
        self._is_unended = True
        self._is_undispatched = True

    @property
    def work(self) -> Work:
        """What becomes of its tasks; a response has it from the first one on."""
        return self._work or self._begin_work()

    def _begin_work(self) -> Work:
        # One step, so that all threads have the one that the first of them made.
        work: Work = vars(self).setdefault("_work", Work(self))
        ledger.open(self)
        shutdown.watch(self.settings)
        return work

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

    def view_ended(self, view: View, error: BaseException | None, /) -> None:
        """Note how a view ended, which was among the running ones; see ``views.View``."""
        if error is not None:
            self.view_raised(error)
        elif self.notes.view_fate is None and not view.may_hide_errors:
            self.notes.view_fate = "returned"
        self.running_views.remove(view)
        # Without a lock: the end of the response is noted first and then looked for views, here it
        # is the other way round, so that one of the two sees that tasks are due, or both.
        if self.is_over and not self.running_views and self._is_first_to_dispatch():
            self.dispatch()

    def view_raised(self, error: ViewError) -> None:
        """Note that the view failed. Decides for the tasks added so far, not for later ones."""
        if isinstance(error, str) and self.notes.view_fate == "raised":
            return  # seen before: tasks added since are an error handler's
        self.notes.view_fate = "raised"
        for task in self.tasks:
            if task.view_error is None and task.status == "pending":
                task.view_error = error

    def view_returned(self) -> None:
        """Note that the view returned a response, of whatever status."""
        if self.notes.view_fate is None:
            self.notes.view_fate = "returned"

    def started(self, status: int) -> None:
        """Note the status that the response has; a later call (an error page) corrects it."""
        self.notes.status = status

    @property
    def is_over(self) -> bool:
        return self.notes.is_over

    @property
    def status(self) -> int | None:
        return self.notes.status

    @property
    def is_view_running(self) -> bool:
        """Tell whether a view is running that is not only watched from outside."""
        return any(not view.is_outer for view in self.running_views)

    @property
    def is_fate_known(self) -> bool:
        """Tell whether any adapter saw the view return or raise."""
        return self.notes.view_fate is not None

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
        if status is not None and not self.notes.is_over:
            self.notes.status = status
        if self.note_end(error=error, is_disconnected=is_disconnected):
            self.dispatch()

    def note_end(
        self, *, error: BaseException | None = None, is_disconnected: bool = False
    ) -> bool:
        """Note that the response is over; True if the caller is the one to start its tasks."""
        try:
            del self._is_unended  # one step, so that of all threads only the first one succeeds
        except AttributeError:
            return False
        if error is not None:
            self.notes.app_error = error
        if is_disconnected:
            self.notes.is_disconnected = True
        if self.settings.journal is not None:
            self.settings.journal.begin(self)
        # Last, because a view that ends on another thread may judge from now on.
        self.notes.is_over = True
        return not self.running_views and self._is_first_to_dispatch()

    def _is_first_to_dispatch(self) -> bool:
        try:
            del self._is_undispatched
        except AttributeError:
            return False
        return True

    def dispatch(self) -> None:
        """Start the tasks, here or on the workers; see ``end``."""
        self.is_dispatched = True  # before it looks for tasks; see append()
        if not self.tasks:
            return  # one that is appended from now on is a late one
        must_run_here = self.is_inline or not ledger.has_room(self.settings.max_pending)
        if must_run_here and not is_on_loop():
            self.run_here()
        else:
            self.start()

    def start(self) -> None:
        """Start the tasks on the workers, never here."""
        for run in self._due():
            run.start()

    def run_here(self) -> None:
        """Run all tasks within the calling thread's time; for the end of a block or a request."""
        Runs(self, self._due()).run_here()

    async def run_awaited(self, to_thread: ToThread | None = None) -> None:
        """Run all tasks within the calling coroutine; see ``runs.Runs``."""
        await Runs(self, self._due()).run_awaited(to_thread)

    @property
    def is_inline(self) -> bool:
        """Tell whether tasks run within the response, so that there is always room for them."""
        return self.captor is not None or self.settings.executor == "inline"

    @property
    def is_captured(self) -> bool:
        """Tell whether a test captures its tasks."""
        return self.captor is not None

    @property
    def has_room(self) -> bool:
        """Tell whether this process may take on more tasks."""
        return ledger.has_room(self.settings.max_pending)

    def _due(self) -> list[Run]:
        """Turn the tasks that may run into runs, as far as they may start."""
        self.is_dispatched = True  # before it looks for tasks; see append()
        return self._allowed(self.work.take(self)) if self.tasks else []

    def _allowed(self, due: list[Run]) -> list[Run]:
        if self.captor is None or self.captor.lets_run(Runs(self, due)):
            return due
        return []

    # What the collection of a response does otherwise than one that is awaited.

    async def __call__(self) -> None:
        if not self.is_over:  # else they are on their way; a framework awaits them, if given them
            await super().__call__()

    def append(self, task: BackgroundTask) -> None:
        is_current = current_tasks.get(None) is self
        task.context = copy_context() if is_current else self.copy_context()
        if self.settings.overflow == "refuse":
            self._refuse_beyond_limit(task)
        if self.settings.handoff is not None or task.options.handoff:
            self._hand_off(task)
        if self.hosts:
            self._capture(task)
        elif task.args or task.kwargs or type(task.func) is not FunctionType:
            self.rules.check(task)
        if self.settings.journal is not None and task.options.journal is None:
            self._keep(self.settings.journal, task)
        if self._work is None:  # not before: it may have been refused
            self._begin_work()
        if self.captor is not None:
            self.captor.note_added(self, task)
        if task.options is not NO_OPTIONS and task.options.key is not None:
            self.replace(task.options.key)
        # Without a lock: whoever dispatches says so first and then looks for tasks, so that one
        # appended here is seen by the one or the other.
        self.tasks.append(task)
        if self.is_dispatched:
            self.take_late()

    def _hand_off(self, task: BackgroundTask) -> None:
        chosen = task.options.handoff
        handoff = self.settings.handoff if chosen is None else chosen
        if handoff and task.job is None:
            job = handoff.job_for(task)
            if self.captor is None:  # a test wants to see the work done, but of what can be sent
                task.hand_off(job)

    def _keep(self, journal: Keeper, task: BackgroundTask) -> None:
        """Write a task down, so that it outlives this process."""
        if self.captor is not None:  # a test wants to see that it could be
            journal.check(task)
        elif task.hold is None or journal.is_transactional or not task.hold.is_waiting:
            task.entry = journal.entry_for(task, self)
        else:
            journal.check(task)
            task.hold.call_when_decided(partial(self._keep_committed, journal, task, task.hold))

    def _keep_committed(self, journal: Keeper, task: BackgroundTask, hold: Hold) -> None:
        if hold.why_dropped is not None or task.status != "pending":
            return
        try:
            task.entry = journal.entry_for(task, self)
        except Exception:  # its transaction is committed: nobody is left to be told, and it is due
            logger.exception("%s runs, but a crash before its end would lose it", task.name)

    def _refuse_beyond_limit(self, task: BackgroundTask) -> None:
        waiting = 0 if self.is_dispatched else len(self.unfinished_tasks())
        ledger.refuse_beyond(self.settings.max_pending, task, waiting)

    def _capture(self, task: BackgroundTask) -> None:
        task.captured = tuple([host.capture(task) for host in self.hosts])
        if self.rules is not rules_of_every_host:
            self.rules.check(task)
        if task.options.waits_for_commit(self.settings.when, self.settings.on_commit):
            holds = filter(None, [host.hold(task) for host in self.hosts])
            task.hold = next(holds, None)

    def take_late(self) -> None:
        """Run what was appended behind the start of the others, too."""
        due = self.work.take(self)
        if not due:
            return  # whoever is at it will come to it, or it is held, or does not run
        runs = Runs(self, self._allowed(due))
        if self.is_inline and not is_on_loop():
            runs.run_late_here()
        else:
            runs.start()

    def go_on_with(self, task: BackgroundTask, /) -> None:
        self.tasks.append(task)
        self.take_late()

    def waiting_tasks(self) -> list[BackgroundTask]:
        return [task for task in (*self.tasks, *self.held_tasks()) if task.status == "pending"]

    def held_tasks(self) -> list[BackgroundTask]:
        """Return the tasks that still wait, though their response is over."""
        return [] if self._work is None else self._work.held_tasks

    def withdraw(self, task: BackgroundTask, fate: Fate, reason: str, /) -> bool:
        return self.work.withdraw(self, task, fate, reason)

    # What those ask that wait for it (runs.Response).

    @property
    def fates(self) -> Fates:
        return self.work.fates

    @property
    def activity(self) -> Activity:
        return self.work.activity

    # What the process asks at its end (process.OpenResponse).

    def unfinished_tasks(self) -> list[BackgroundTask]:
        """Return the tasks that no run has: all of them before the end, then those held."""
        return [] if self._work is None else self._work.unfinished_tasks(self)

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
        if self._work is not None:
            self._work.withdraw_all(self, fate, reason)

    def __del__(self) -> None:
        if self._work is not None and not self.is_dispatched:
            ledger.close(self)
            abandon(self)
