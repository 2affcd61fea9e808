"""Tasks that are handed off: what add_task refuses, who is given what, and what a failure becomes.

With a real Huey whose queue is a folder; the round trips through workers are in ``tests/engines``.
"""

from __future__ import annotations

import datetime
import functools
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from huey import FileHuey

from bgtasks_adapters import BackgroundTasks, add_task, drain, get_background_tasks, handoff, stats
from bgtasks_adapters.exceptions import (
    ForbiddenTaskError,
    HandoffError,
    InvalidOptionError,
    InvalidTaskError,
    UnsafeArgumentError,
)
from bgtasks_adapters.handoff import Handoff
from bgtasks_adapters.publishing import Publisher
from bgtasks_adapters.testing import capture_background_tasks
from tests.fates import Fates
from tests.wsgi_server import PATIENCE, WsgiExchange, app_of, bounded

ran: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


class Engine:
    """A Huey and the task that handoffs go to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "queue"
        self.huey = FileHuey(path=str(self.folder), results=False)
        self.task = self.huey.task()(_run_background_task)

    def queued(self) -> list[tuple[Any, Any]]:
        """Return what each call in the queue was given."""
        return [(task.args, task.kwargs) for task in self.huey.pending()]

    def work(self) -> None:
        """Run what is queued, as a worker does."""
        while (task := self.huey.dequeue()) is not None:
            self.huey.execute(task)


def _run_background_task(path: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    handoff.run(path, args, kwargs)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def note(*args: Any, **kwargs: Any) -> None:
    ran.append((args, kwargs))


async def anote(*args: Any) -> None:
    await anyio.lowlevel.checkpoint()
    ran.append(args)


def respond(view: Callable[[], object], **settings: Any) -> Fates:
    """Serve one request; return what became of its tasks."""
    fates = Fates()
    WsgiExchange(bounded(app_of(view), observers=[fates], **settings)).run()
    assert drain(PATIENCE)
    return fates


def test_every_task_goes_to_the_engine_in_order(engine: Engine) -> None:
    """Behind the response, with its arguments as they are; the counts say so."""
    before = stats()

    def view() -> None:
        add_task(note, 1, word="two")
        add_task(anote, [3])
        assert engine.queued() == []

    fates = respond(view, handoff=Handoff(engine.task))
    assert fates.kinds == ["handed_off", "handed_off"]
    assert engine.queued() == [
        (("tests.test_handoff:note", [1], {"word": "two"}), {}),
        (("tests.test_handoff:anote", [[3]], {}), {}),
    ]
    assert ran == []
    after = stats()
    assert (after.handed_off - before.handed_off, after.pending) == (2, before.pending)
    engine.work()
    assert ran == [((1,), {"word": "two"}), ([3],)]


def test_one_task_may_say_otherwise(engine: Engine, tmp_path: Path) -> None:
    """``using(handoff=False)`` runs it here; ``using(handoff=...)`` sends it without a setting."""
    other = Engine(tmp_path / "other")

    def view() -> None:
        get_background_tasks().using(handoff=False).add_task(note, "here")
        add_task(note, "there")

    fates = respond(view, handoff=Handoff(engine.task))
    assert fates.kinds == ["succeeded", "handed_off"]
    assert ran == [(("here",), {})]
    engine.work()
    fates = respond(
        lambda: get_background_tasks().using(handoff=Handoff(other.task)).add_task(note, "other")
    )
    assert fates.kinds == ["handed_off"]
    assert [args[1] for args, _ in other.queued()] == [["other"]]


def test_a_collection_that_is_awaited_hands_off_too(engine: Engine) -> None:
    """What ``using(handoff=...)`` says holds without a response; the others run, in order."""

    async def awaited() -> None:
        tasks = BackgroundTasks()
        tasks.add_task(note, 1)
        tasks.using(handoff=Handoff(engine.task)).add_task(note, 2)
        tasks.add_task(note, 3)
        await tasks()

    anyio.run(awaited)
    assert ran == [((1,), {}), ((3,), {})]
    assert [args[1] for args, _ in engine.queued()] == [[2]]


def test_a_skipped_task_is_not_sent(engine: Engine) -> None:
    """What the outcome does not let run, its engine does not get."""

    def view() -> None:
        add_task(note)
        raise LookupError

    fates = Fates()
    with pytest.raises(LookupError):
        WsgiExchange(bounded(app_of(view), observers=[fates], handoff=Handoff(engine.task))).run()
    assert drain(PATIENCE)
    assert (fates.kinds, engine.queued()) == (["skipped"], [])


def test_an_engines_own_task_goes_there_by_itself(engine: Engine) -> None:
    """Without a setting, in a plain collection too, with the engine's options and our id."""
    native = engine.huey.task()(note)

    def view() -> None:
        task = get_background_tasks().using(engine={"priority": 7}).add_task(native, 1, word="w")
        ids.append(task.job.id if task.job else None)

    ids: list[str | None] = []
    assert respond(view).kinds == ["handed_off"]
    (queued,) = engine.huey.pending()
    assert (queued.args, queued.kwargs, queued.priority) == ((1,), {"word": "w"}, 7)
    assert [queued.id] == ids
    engine.huey.flush()

    async def awaited() -> None:
        tasks = BackgroundTasks()
        tasks.add_task(native, 2)
        await tasks()

    anyio.run(awaited)
    assert engine.queued() == [((2,), {})]
    with pytest.raises(InvalidOptionError, match=r"which is a task of Huey and goes there"):
        BackgroundTasks().using(handoff=False).add_task(native)


class Shop:
    def method(self) -> None: ...

    @staticmethod
    def static() -> None: ...


def _made() -> Callable[[], None]:
    def made() -> None: ...

    return made


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda: None, r"tests.test_handoff:<lambda> does not lead to what add_task\(\) got"),
        (_made(), r"_made.<locals>.made does not lead to"),
        (Shop().method, r"Shop.method does not lead to what add_task\(\) got"),
        (functools.partial(note, 1), r"a partial, which has no name that another process"),
    ],
)
def test_a_function_without_a_name_is_refused(
    engine: Engine, function: Callable[[], None], problem: str
) -> None:
    """On the line that adds it, with what to do instead."""

    def view() -> None:
        with pytest.raises(InvalidTaskError, match=problem) as raised:
            add_task(function)
        assert "using(handoff=False)" in str(raised.value)

    assert respond(view, handoff=Handoff(engine.task)).kinds == []


def test_a_function_that_is_not_allowed_is_refused_on_both_sides(engine: Engine) -> None:
    """By default only those of the package that the engine's task stands in."""

    def view() -> None:
        with pytest.raises(ForbiddenTaskError, match=r"'posix:getpid' is in none of the modules"):
            add_task(os.getpid)
        add_task(Shop.static)

    assert respond(view, handoff=Handoff(engine.task)).kinds == ["handed_off"]
    for path in ("os:system", "posix:system", "tests.test_handoff:os.system", "subprocess:run"):
        with pytest.raises(ForbiddenTaskError, match=r"is in none of the modules"):
            handoff.run(path, ["true"], {})
        with pytest.raises(ForbiddenTaskError, match=r"tests.engines"):
            handoff.run(path, ["true"], {}, allow=["tests.engines", "tests.test_hand"])
    with pytest.raises(ForbiddenTaskError, match=r"tests\.test_handoff"):
        handoff.run("tests.test_handoff:note", [], {}, allow=["tests.engines"])
    handoff.run("tests.test_handoff:note", [1], {}, allow=["tests.test_handoff"])
    assert ran == [((1,), {})]


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ([(1, 2)], {}, r"args\[0\] is a builtins.tuple; it would arrive as a list"),
        ([], {"when": [1, uuid.UUID(int=1)]}, r"kwargs\['when'\]\[1\] is a uuid.UUID; pass str"),
        ([{"at": datetime.datetime.min}], {}, r"args\[0\]\['at'\] is a datetime.datetime; pass"),
        ([{1: 2}], {}, r"args\[0\] has the key 1, of type builtins.int; keys of JSON are str"),
        ([float("nan")], {}, r"args\[0\] is nan, which JSON does not have"),
        (["\ud800"], {}, r"args\[0\] is a str with half of a surrogate pair"),
        ([Path("/")], {}, r"args\[0\] is a pathlib.*Path; another process cannot have it"),
        ([type("Text", (str,), {})("x")], {}, r"Text; pass a plain str"),
    ],
)
def test_arguments_that_are_no_json_are_refused_by_their_place(
    engine: Engine, args: list[Any], kwargs: dict[str, Any], problem: str
) -> None:
    """None of them would arrive as it was, whatever the engine's own encoder does."""

    def view() -> None:
        with pytest.raises(UnsafeArgumentError, match=problem):
            add_task(note, *args, **kwargs)

    assert respond(view, handoff=Handoff(engine.task)).kinds == []


def test_arguments_that_hold_themselves_are_refused(engine: Engine) -> None:
    """Before Python's own limit is met."""
    endless: list[Any] = []
    endless.append(endless)

    def view() -> None:
        with pytest.raises(UnsafeArgumentError, match="nested too deep, or holds itself"):
            add_task(note, endless)

    respond(view, handoff=Handoff(engine.task))


def test_what_cannot_be_kept_elsewhere_is_refused(engine: Engine) -> None:
    """A timeout, options that are none, an engine that is none."""

    def view() -> None:
        with pytest.raises(InvalidOptionError, match=r"which is handed off: nobody here sees it"):
            get_background_tasks().using(timeout=1).add_task(anote)

    respond(view, handoff=Handoff(engine.task))
    native = engine.huey.task()(note)
    with pytest.raises(InvalidOptionError, match=r"which is handed off: nobody here sees it"):
        BackgroundTasks().using(timeout=1).add_task(native)
    with pytest.raises(InvalidOptionError, match=r"no task of an engine that is known: Celery"):
        Handoff(note)
    with pytest.raises(InvalidOptionError, match="use a list of names"):
        Handoff(engine.task, allow="tests")
    with pytest.raises(
        InvalidOptionError, match=r"Setting handoff=.* use bgtasks_adapters.handoff"
    ):
        bounded(app_of(lambda: None), handoff=engine.task)
    with pytest.raises(InvalidOptionError, match=r"using\(handoff=True\)"):
        BackgroundTasks().using(handoff=True)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match=r"using\(engine=\[\]\)"):
        BackgroundTasks().using(engine=[])  # type: ignore[arg-type]
    with pytest.raises(InvalidTaskError, match="a path is 'module:qualname'"):
        handoff.run("tests", [], {})
    with pytest.raises(InvalidTaskError, match="pass on what the engine's task was given"):
        handoff.run("tests:x", "text", {})


def _break(engine: Engine) -> None:
    """Have its queue refuse whatever it is given."""
    shutil.rmtree(engine.folder)
    engine.folder.touch()


def test_an_engine_that_refuses_is_a_failure_of_the_task(engine: Engine) -> None:
    """Reported with the engine's own error; those behind it are tried all the same."""
    _break(engine)

    def view() -> None:
        add_task(note, 1)
        get_background_tasks().using(handoff=False).add_task(note, 2)

    fates = respond(view, handoff=Handoff(engine.task))
    assert fates.kinds == ["failed", "succeeded"]
    assert "handed off to Huey" in str(getattr(fates.events[0].error, "__notes__", ""))
    assert ran == [((2,), {})]


def test_an_engine_that_refuses_may_leave_its_tasks_here(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """``on_handoff_error="run_locally"``: in their place, ``def`` and ``async def``."""
    _break(engine)

    def view() -> None:
        add_task(note, 1)
        add_task(anote, 2)
        add_task(note, 3)

    fates = respond(view, handoff=Handoff(engine.task), on_handoff_error="run_locally")
    assert fates.kinds == ["succeeded"] * 3
    assert ran == [((1,), {}), (2,), ((3,), {})]
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        f"Background task {name} could not be handed off, and runs here"
        for name in ("note", "anote", "note")
    ]


def test_an_engines_own_task_never_runs_here(engine: Engine) -> None:
    """It has failed where its engine refuses it, whatever the setting."""
    native = engine.huey.task()(note)
    _break(engine)
    fates = respond(lambda: add_task(native, 1), on_handoff_error="run_locally")
    assert (fates.kinds, ran) == (["failed"], [])


def test_a_captured_task_runs_in_the_test(engine: Engine) -> None:
    """It is checked as if it were sent, and the engine hears nothing of it."""

    def view() -> None:
        with pytest.raises(UnsafeArgumentError):
            add_task(note, Path("/"))
        add_task(note, 1)

    with capture_background_tasks() as captured:
        respond(view, handoff=Handoff(engine.task))
        captured.assert_added(note, 1)
    assert (ran, engine.queued()) == ([((1,), {})], [])


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """What a call waits for that never comes back, until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_broker_that_never_answers_is_given_up(hanging: threading.Event) -> None:
    """After so many seconds; when all its threads hang, the next call fails at once."""
    publisher = Publisher(threads=1)
    begun = threading.Event()

    def hang() -> None:
        begun.set()
        hanging.wait(PATIENCE)

    with pytest.raises(HandoffError, match=r"X did not answer within 0.05 s. The task may run"):
        publisher.call(hang, 0.05, "X")
    assert begun.is_set()
    called: list[None] = []
    with pytest.raises(HandoffError, match=r"was not tried: 1 calls to it are unanswered"):
        publisher.call(lambda: called.append(None), PATIENCE, "X")
    assert called == []


def test_a_call_that_has_not_begun_in_time_never_does(hanging: threading.Event) -> None:
    """So it can be run elsewhere without being run twice."""
    publisher = Publisher(threads=1)
    begun, called = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        hanging.wait(PATIENCE)

    waiting = threading.Thread(target=lambda: _ignore(publisher, hang))
    waiting.start()
    assert begun.wait(PATIENCE)
    with pytest.raises(HandoffError, match=r"It was not even asked"):
        publisher.call(called.set, 0.05, "X")
    hanging.set()
    waiting.join(PATIENCE)
    publisher.call(lambda: None, PATIENCE, "X")  # behind it, on the one thread
    assert not called.is_set()


def _ignore(publisher: Publisher, call: Callable[[], object]) -> None:
    publisher.call(call, PATIENCE, "X")
