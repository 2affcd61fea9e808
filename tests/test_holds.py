"""Tasks that a host holds back: they wait, go on late, are dropped, or are left over by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Any

import pytest

from bgtasks_adapters import (
    BackgroundTask,
    BackgroundTasks,
    add_task,
    drain,
    get_background_tasks,
    stats,
)
from bgtasks_adapters.process import ledger
from bgtasks_adapters.settings import Settings
from bgtasks_adapters.surroundings import HostContext
from bgtasks_adapters.wsgi import Boundary

from .fates import Fates
from .wsgi_server import PATIENCE, WsgiExchange, app_of


class Switch:
    """A hold that the test decides."""

    def __init__(self) -> None:
        self.is_waiting = True
        self.why_dropped: str | None = None
        self._callbacks: list[Callable[[], object]] = []

    def call_when_decided(self, callback: Callable[[], object], /) -> None:
        self._callbacks.append(callback)
        if not self.is_waiting:
            self.decide(self.why_dropped)

    def decide(self, why_dropped: str | None = None) -> None:
        self.is_waiting, self.why_dropped = False, why_dropped
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class HoldingHost(HostContext):
    """A framework in which each task waits for a switch, as long as it gives one."""

    def __init__(self, switch: Switch) -> None:
        self.switch: Switch | None = switch

    def capture(self, task: BackgroundTask, /) -> None:
        return None

    def hold(self, task: BackgroundTask, /) -> Switch | None:
        return self.switch

    def trip(self) -> AbstractContextManager[HoldingHost]:
        return nullcontext(self)

    def async_trip(self) -> AbstractAsyncContextManager[HoldingHost]:
        return nullcontext(self)

    def around_task(self, captured: Any, /) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture
def switch() -> Iterator[Switch]:
    yield Switch()
    assert drain(PATIENCE)


def respond(view: Callable[[], object], host: HoldingHost, fates: Fates, **settings: Any) -> None:
    given = Settings(handle_sigterm=False, observers=(fates,), **settings)
    WsgiExchange(Boundary(app_of(view), given, host)).run()
    assert drain(PATIENCE)


def test_a_held_task_waits_for_its_hold(switch: Switch) -> None:
    """A task whose hold is undecided at the end of its response runs when it is decided."""
    log: list[str] = []
    host, fates = HoldingHost(switch), Fates()

    def view() -> None:
        add_task(log.append, "held")
        host.switch = None
        add_task(log.append, "free")

    before = stats()
    respond(view, host, fates)
    assert log == ["free"]
    assert stats().pending == before.pending + 1, "a held task is one that waits"
    switch.decide()
    assert drain(PATIENCE)
    assert log == ["free", "held"]
    after = stats()
    assert (after.added, after.pending) == (before.added + 2, before.pending)
    assert after.succeeded == before.succeeded + 2


def test_a_dropped_task_is_skipped_with_its_reason(switch: Switch) -> None:
    """A task whose hold drops it, before or behind the end of its response, is skipped."""
    host, fates = HoldingHost(switch), Fates()
    respond(lambda: add_task(print), host, fates)
    switch.decide("it was not to be")
    assert [(event.kind, event.reason) for event in fates.events] == [
        ("skipped", "it was not to be")
    ]
    host.switch = Switch()
    host.switch.decide("nor that one")
    respond(lambda: add_task(print), host, fates)
    assert [event.reason for event in fates.events] == ["it was not to be", "nor that one"]


def test_the_outcome_is_asked_first(switch: Switch) -> None:
    """A task that its response skips is not held: it is skipped then, for that reason."""
    host, fates = HoldingHost(switch), Fates()

    def view() -> None:
        get_background_tasks().using(when=lambda outcome: False).add_task(print)

    switch.decide("dropped")
    respond(view, host, fates)
    (event,) = fates.events
    assert event.kind == "skipped"
    assert event.reason != "dropped"


@pytest.mark.parametrize(
    ("options", "settings", "is_held"),
    [
        ({}, {}, True),
        ({"on_commit": False}, {}, False),
        ({"when": "always"}, {}, False),
        ({"when": "always", "on_commit": True}, {}, True),
        ({}, {"when": "always"}, False),
        ({}, {"on_commit": False}, False),
        ({"on_commit": True}, {"on_commit": False}, True),
    ],
)
def test_what_waits(
    switch: Switch, options: dict[str, Any], settings: dict[str, Any], is_held: bool
) -> None:
    """The option decides, else the setting; what runs in any case does not wait."""
    log: list[str] = []

    def view() -> None:
        get_background_tasks().using(**options).add_task(log.append, "ran")

    respond(view, HoldingHost(switch), Fates(), **settings)
    assert log == ([] if is_held else ["ran"])
    switch.decide()


def test_what_is_still_held_at_the_end_is_left_over(switch: Switch) -> None:
    """At the end of the process a task that still waits is reported, and does not run later."""
    log: list[str] = []
    host, fates = HoldingHost(switch), Fates()
    respond(lambda: add_task(log.append, "held"), host, fates)
    before = stats()
    for response in ledger.open_responses():
        response.leave_over("the process ended")
    assert [(event.kind, event.reason) for event in fates.events] == [
        ("left_over", "the process ended")
    ]
    after = stats()
    assert (after.added, after.pending) == (before.added, before.pending - 1)
    switch.decide()
    assert log == []


def test_bad_options_are_named() -> None:
    """`on_commit` takes True or False, as an option and as a setting."""
    option: Any = "yes"

    def view() -> None:
        with pytest.raises(ValueError, match=r"using\(on_commit='yes'\): use True or False"):
            get_background_tasks().using(on_commit=option)

    respond(view, HoldingHost(Switch()), Fates())
    with pytest.raises(ValueError, match=r"on_commit='yes' is not valid: use True or False"):
        Settings(on_commit=option)


@pytest.mark.parametrize("takes_back", ["cancel", "replace"])
def test_a_held_task_can_be_taken_back(switch: Switch, takes_back: str) -> None:
    """cancel() and a later task of the same key reach a task that is held behind its response."""
    log: list[str] = []
    host, fates = HoldingHost(switch), Fates()
    kept: list[BackgroundTasks] = []

    def view() -> None:
        kept.append(get_background_tasks())
        kept[0].using(key="index").add_task(log.append, "earlier")

    before = stats()
    respond(view, host, fates)
    host.switch = None
    if takes_back == "cancel":
        assert kept[0].cancel("index")
        assert not kept[0].cancel("index")
    else:
        kept[0].using(key="index").add_task(log.append, "later")
    switch.decide()
    assert drain(PATIENCE)
    assert log == ([] if takes_back == "cancel" else ["later"])
    kinds = {event.kind for event in fates.events}
    assert ("cancelled" if takes_back == "cancel" else "replaced") in kinds
    after = stats()
    assert after.pending == before.pending
    assert after.added - before.added == (1 if takes_back == "cancel" else 2)
    assert not [r for r in ledger.open_responses() if r.unfinished_tasks()]
