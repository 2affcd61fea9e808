"""Which tasks run, by how the response ended and what `when` says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from bgtasks_adapters import (
    BackgroundTasks,
    Outcome,
    TaskEvent,
    add_task,
    drain,
    get_background_tasks,
    stats,
)
from bgtasks_adapters.ambient import use_tasks
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.outcome import Notes
from bgtasks_adapters.process import ledger
from bgtasks_adapters.settings import Settings

from .fates import Fates
from .wsgi_server import PATIENCE, WsgiExchange, app_of, bounded

When = str | Callable[[Outcome], bool] | None
View = Callable[[], object]


def respond_200(view: View, **settings: Any) -> None:
    WsgiExchange(bounded(app_of(view), **settings)).run()


def respond_404(view: View, **settings: Any) -> None:
    WsgiExchange(bounded(app_of(view, "404 Not Found"), **settings)).run()


def _seen(app: WSGIApplication, view: View) -> WSGIApplication:
    """Return an application in which an adapter sees the view, and an outer layer answers."""

    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        scope: ResponseScope = environ[SCOPE_KEY]
        try:
            with scope.view():
                view()
        except LookupError:
            pass
        return app(environ, start_response)

    return outer


def respond_404_from_a_seen_view(view: View, **settings: Any) -> None:
    app = _seen(app_of(lambda: None, "404 Not Found"), view)
    WsgiExchange(bounded(app, **settings)).run()


def answer_for_a_raising_view(view: View, **settings: Any) -> None:
    def raising() -> None:
        view()
        raise LookupError("the view failed, and an error handler answers with 200")

    WsgiExchange(bounded(_seen(app_of(lambda: None), raising), **settings)).run()


def raise_from_the_app(view: View, **settings: Any) -> None:
    def raising() -> None:
        view()
        raise ValueError("the application failed")

    with pytest.raises(ValueError, match="the application failed"):
        WsgiExchange(bounded(app_of(raising), **settings)).run()


def leave_during_the_body(view: View, **settings: Any) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        view()
        start_response("200 OK", [])
        yield b"one"
        yield b"two"

    exchange = WsgiExchange(bounded(app, **settings)).call()
    assert exchange.read_one() == b"one"
    exchange.close()


SCENES = [
    respond_200,
    respond_404,
    respond_404_from_a_seen_view,
    answer_for_a_raising_view,
    raise_from_the_app,
    leave_during_the_body,
]
RUNS: dict[str, list[bool]] = {
    # the scenes above:  200   404    404 seen  handled  raised  left
    "returned": [True, False, True, False, False, True],
    "success": [True, False, False, False, False, True],
    "always": [True, True, True, True, True, True],
}


@pytest.mark.parametrize("is_a_setting", [False, True])
@pytest.mark.parametrize("when", ["returned", "success", "always"])
@pytest.mark.parametrize("scene", SCENES)
def test_when(scene: Callable[..., None], when: str, is_a_setting: bool) -> None:
    """Each `when`, of a task or as a setting, runs or skips by how the response ended."""
    fates = Fates()

    def view() -> None:
        tasks = get_background_tasks()
        (tasks if is_a_setting else tasks.using(when=when)).add_task(lambda: None)

    scene(view, observers=[fates], when=when if is_a_setting else "returned")
    assert drain(PATIENCE)
    runs = RUNS[when][SCENES.index(scene)]
    assert fates.kinds == ["succeeded" if runs else "skipped"]


@pytest.mark.parametrize(
    ("scene", "outcome"),
    [
        (respond_200, Outcome(True, 200, None, False)),
        (respond_404, Outcome(False, 404, None, False)),
        (respond_404_from_a_seen_view, Outcome(True, 404, None, False)),
        (leave_during_the_body, Outcome(True, 200, None, True)),
    ],
)
@pytest.mark.parametrize("answer", [True, False])
def test_a_function_decides_by_the_outcome(
    scene: Callable[..., None], outcome: Outcome, answer: bool
) -> None:
    """A function given as `when` is passed the Outcome, once, and its answer decides."""
    fates, given = Fates(), list[Outcome]()

    def decide(outcome: Outcome) -> bool:
        given.append(outcome)
        return answer

    scene(
        lambda: get_background_tasks().using(when=decide).add_task(lambda: None),
        observers=[fates],
    )
    assert drain(PATIENCE)
    assert given == [outcome]
    assert fates.kinds == ["succeeded" if answer else "skipped"]
    assert fates.events[0].outcome == outcome


@pytest.mark.parametrize("scene", [raise_from_the_app, answer_for_a_raising_view])
def test_the_outcome_has_the_error(scene: Callable[..., None]) -> None:
    """An Outcome carries what the view or the application raised."""
    given: list[Outcome] = []

    def decide(outcome: Outcome) -> bool:
        given.append(outcome)
        return False

    scene(lambda: get_background_tasks().using(when=decide).add_task(lambda: None))
    assert drain(PATIENCE)
    (outcome,) = given
    assert not outcome.returned
    assert isinstance(outcome.error, (ValueError, LookupError))


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit])
def test_a_when_that_raises_is_a_failure(kind: type[BaseException]) -> None:
    """A function given as `when` that raises makes its task fail, with that error; others run."""
    fates = Fates()

    def decide(outcome: Outcome) -> bool:
        raise kind("cannot decide")

    def view() -> None:
        get_background_tasks().using(when=decide, name="undecided").add_task(lambda: None)
        get_background_tasks().using(name="next").add_task(lambda: None)

    respond_200(view, observers=[fates])
    assert drain(PATIENCE)
    assert fates.of("undecided").kind == "failed"
    error = fates.of("undecided").error
    assert str(error) == "cannot decide"
    assert error is not None
    (note,) = error.__notes__
    assert "when=" in note
    assert "did not run" in note
    assert fates.of("next").kind == "succeeded"


def test_a_task_added_while_others_are_judged_lets_none_run_early() -> None:
    """A `when` that adds a task itself: that runs last, and what is to be skipped is skipped."""
    fates = Fates()

    def decide(outcome: Outcome) -> bool:
        kept[0].using(name="added").add_task(lambda: None)
        drain(0.1)  # the time for what was started too early to run
        return True

    def view() -> None:
        kept.append(get_background_tasks())
        kept[0].using(name="first", when=decide).add_task(lambda: None)
        kept[0].using(name="second", when=lambda outcome: False).add_task(lambda: None)
        kept[0].using(name="third").add_task(lambda: None)

    kept: list[BackgroundTasks] = []
    respond_200(view, observers=[fates])
    assert drain(PATIENCE)
    assert fates.of("second").kind == "skipped"
    ran = [event.task.name for event in fates.events if event.kind == "succeeded"]
    assert ran == ["first", "third", "added"]


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        (respond_404, "the response had the status 404"),
        (raise_from_the_app, "the view raised ValueError"),
        (answer_for_a_raising_view, "the view raised LookupError"),
    ],
)
def test_a_skipped_task_says_why(scene: Callable[..., None], reason: str) -> None:
    """The event of a skipped task has the reason in words."""
    fates = Fates()
    scene(lambda: add_task(lambda: None), observers=[fates])
    assert drain(PATIENCE)
    assert fates.events[0].reason == reason


def test_tasks_added_behind_a_failed_view_are_judged_by_the_response() -> None:
    """What an error handler adds behind a failed view runs with the handler's response."""
    fates = Fates()

    def failing() -> None:
        get_background_tasks().using(name="view's").add_task(lambda: None)
        raise LookupError

    handler = app_of(lambda: get_background_tasks().using(name="handler's").add_task(lambda: None))
    WsgiExchange(bounded(_seen(handler, failing), observers=[fates])).run()
    assert drain(PATIENCE)
    assert fates.of("view's").kind == "skipped"
    assert fates.of("handler's").kind == "succeeded"


def test_tasks_wait_for_a_view_that_runs_on() -> None:
    """A response that is over while its view still runs: the tasks wait for the view's end."""
    events: list[TaskEvent] = []
    scope = ResponseScope(Settings(handle_sigterm=False, observers=(events.append,)))
    with scope.view():
        scope.add_task(lambda: None)
        scope.end(error=asyncio.CancelledError(), is_disconnected=True)
        scope.using(when="always").add_task(lambda: None)
        assert drain(PATIENCE)
        assert events == []
    assert drain(PATIENCE)
    assert [event.kind for event in events] == ["succeeded", "succeeded"]
    assert all(event.outcome and event.outcome.disconnected for event in events)


def test_only_the_first_end_counts() -> None:
    """A response that is ended twice dispatches its tasks once, with the first outcome."""
    fates, ended_twice = Fates(), threading.Event()
    scope = ResponseScope(Settings(handle_sigterm=False, observers=(fates,)))
    scope.add_task(ended_twice.wait, PATIENCE)
    scope.add_task(lambda: None)
    scope.end(status=200)
    scope.end(status=500, error=ValueError(), is_disconnected=True)
    ended_twice.set()
    assert drain(PATIENCE)
    assert fates.kinds == ["succeeded", "succeeded"]
    assert fates.events[1].outcome == Outcome(True, 200, None, False)


def test_a_return_that_tells_nothing() -> None:
    """Of a view that may hide its errors only the status counts; an adapter inside may see more."""
    for status, kind in ((200, "succeeded"), (404, "skipped")):
        fates = Fates()
        scope = ResponseScope(Settings(handle_sigterm=False, observers=(fates,)))
        with scope.view(is_outer=True, may_hide_errors=True):
            assert not scope.is_view_running
            scope.add_task(lambda: None)
        assert not scope.is_fate_known
        scope.end(status=status)
        assert drain(PATIENCE)
        assert fates.kinds == [kind]


def test_an_error_that_is_known_of_only() -> None:
    """A view that raised what nobody saw: its tasks are skipped, those added later are not."""
    fates = Fates()
    scope = ResponseScope(Settings(handle_sigterm=False, observers=(fates,)))
    scope.using(name="the view's").add_task(lambda: None)
    scope.view_raised("unseen")
    scope.using(name="a handler's").add_task(lambda: None)
    scope.view_raised("unseen")
    scope.end(status=400)
    assert drain(PATIENCE)
    assert fates.of("the view's").outcome == Outcome(False, 400, None, False)
    assert fates.of("the view's").reason == "the response had the status 400"
    assert fates.of("a handler's").kind == "succeeded"


def test_a_connection_that_is_open_when_the_process_ends() -> None:
    """Its client has left, so its tasks start; of other responses that is not known."""
    fates = Fates()
    scopes = [ResponseScope(Settings(handle_sigterm=False, observers=(fates,))) for _ in range(2)]
    scopes[0].is_open_connection = True
    for scope in scopes:
        scope.add_task(lambda: None)
        scope.end_with_process()
    assert drain(PATIENCE)
    assert [scope.is_over for scope in scopes] == [True, False]
    assert fates.kinds == ["succeeded"]
    assert fates.events[0].outcome == Outcome(True, None, None, True)
    scopes[1].end(status=200)
    assert drain(PATIENCE)


class _NotesOfARace(Notes):
    """Notes behind whose back a view ends on another thread, just before a client is noted gone."""

    def __init__(self, view_ends: Callable[[], object]) -> None:
        self._view_ends = view_ends

    def __setattr__(self, name: str, value: object) -> None:
        if name == "is_disconnected":
            self._view_ends()
        super().__setattr__(name, value)


def test_a_view_that_ends_while_the_end_is_noted_is_judged_by_all_of_it() -> None:
    """Whoever dispatches, the outcome says that the client had left."""
    seen: list[Outcome] = []

    def when(outcome: Outcome) -> bool:
        seen.append(outcome)
        return True

    scope = ResponseScope(Settings(when=when))
    view = scope.view()
    scope.notes = _NotesOfARace(lambda: view.__exit__(None, None, None))
    with use_tasks(scope):
        view.__enter__()
        add_task(lambda: None)
    scope.end(is_disconnected=True)
    assert drain(PATIENCE)
    assert [outcome.disconnected for outcome in seen] == [True]


def test_tasks_that_an_interruption_kept_from_being_judged_are_named_at_the_end() -> None:
    """A Ctrl-C in a ``when`` function loses no task silently, and the counts stay balanced."""
    fates = Fates()
    before = stats()
    scope = ResponseScope(Settings(observers=(fates,)))

    def interrupt(outcome: Outcome) -> bool:
        raise KeyboardInterrupt

    with use_tasks(scope) as tasks:
        tasks.using(name="before").add_task(lambda: None)
        tasks.using(name="interrupted", when=interrupt).add_task(lambda: None)
        tasks.using(name="behind").add_task(lambda: None)
    with pytest.raises(KeyboardInterrupt):
        scope.end(status=200)
    assert scope in ledger.open_responses()
    scope.leave_over("the process ended")
    assert {event.task.name: event.kind for event in fates.events} == dict.fromkeys(
        ("before", "interrupted", "behind"), "left_over"
    )
    after = stats()
    assert (after.added - before.added, after.pending) == (3, before.pending)
