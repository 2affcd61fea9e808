"""The worker threads: as many as allowed, none before they are needed, none that idles."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bgtasks_adapters.workers import Workers, call_at_thread_end, workers_of

PATIENCE = 10.0


class Jobs:
    """Jobs that tell on which thread they run, and end when the test lets them."""

    def __init__(self) -> None:
        self.started: queue.Queue[threading.Thread] = queue.Queue()
        self.may_end = threading.Event()
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    def hold(self) -> None:
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        self.started.put(threading.current_thread())
        assert self.may_end.wait(PATIENCE)
        with self._lock:
            self.running -= 1

    def next_thread(self) -> threading.Thread:
        return self.started.get(timeout=PATIENCE)


def test_no_more_threads_than_allowed() -> None:
    """Jobs run at the same time on as many threads as allowed, and no more."""
    workers, jobs = Workers(2), Jobs()
    for _ in range(6):
        workers.submit(jobs.hold)
    first, second = jobs.next_thread(), jobs.next_thread()
    assert first is not second
    jobs.may_end.set()
    threads = {first, second, *(jobs.next_thread() for _ in range(4))}
    assert threads == {first, second}
    assert jobs.most_running == 2


def test_threads_are_daemons() -> None:
    """A worker is a daemon thread: the interpreter does not wait for it."""
    workers, jobs = Workers(1), Jobs()
    jobs.may_end.set()
    workers.submit(jobs.hold)
    assert jobs.next_thread().daemon


def test_no_thread_before_the_first_job() -> None:
    """Making workers starts no thread."""
    before = threading.enumerate()
    workers = Workers(4)
    assert threading.enumerate() == before
    jobs = Jobs()
    workers.submit(jobs.hold)
    assert jobs.next_thread() not in before
    jobs.may_end.set()


def test_jobs_start_in_the_order_of_submission() -> None:
    """On one thread jobs run first in, first out."""
    workers, ran = Workers(1), queue.Queue[int]()
    for number in range(50):
        workers.submit(lambda number=number: ran.put(number))  # type: ignore[misc]
    assert [ran.get(timeout=PATIENCE) for _ in range(50)] == list(range(50))


def test_an_idle_thread_is_used_again() -> None:
    """One job after the other, each when the one before has ended, makes one thread do."""
    workers, jobs = Workers(4), Jobs()
    jobs.may_end.set()
    threads = set()
    for _ in range(20):
        workers.submit(jobs.hold)
        thread = jobs.next_thread()
        threads.add(thread)
        # Idle again once it has taken a job behind this one.
        done = threading.Event()
        workers.submit(done.set)
        assert done.wait(PATIENCE)
    assert len(threads) <= 2


def test_an_idle_thread_ends_and_gives_back_what_it_holds() -> None:
    """A thread that idles ends; callbacks run on it first; the next job gets a new thread."""
    ended: queue.Queue[threading.Thread] = queue.Queue()
    call_at_thread_end(lambda: ended.put(threading.current_thread()))
    workers, jobs = Workers(1, idle_seconds=0.01), Jobs()
    jobs.may_end.set()
    threads = []
    for _ in range(2):
        workers.submit(jobs.hold)
        thread = jobs.next_thread()
        threads.append(thread)
        while ended.get(timeout=PATIENCE) is not thread:
            continue  # a thread of another test's
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert threads[0] is not threads[1]


def test_a_callback_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """A thread-end callback that raises is logged, and the next is called."""
    called = threading.Event()
    workers = Workers(1, idle_seconds=0.01)
    mine: list[threading.Thread] = []

    def fail() -> None:
        if threading.current_thread() in mine:
            raise ValueError("cannot close")

    def note() -> None:
        if threading.current_thread() in mine:
            called.set()

    call_at_thread_end(fail)
    call_at_thread_end(note)
    workers.submit(lambda: mine.append(threading.current_thread()))
    assert called.wait(PATIENCE)
    assert "cannot close" in caplog.text


def test_a_callback_is_kept_once() -> None:
    """The same callback given twice is called once at the end of a thread."""
    called: list[threading.Thread] = []
    last = threading.Event()

    def note() -> None:
        called.append(threading.current_thread())

    call_at_thread_end(note)
    call_at_thread_end(note)
    mine: list[threading.Thread] = []
    call_at_thread_end(lambda: last.set() if threading.current_thread() in mine else None)
    workers = Workers(1, idle_seconds=0.01)
    workers.submit(lambda: mine.append(threading.current_thread()))
    assert last.wait(PATIENCE)
    assert called.count(mine[0]) == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_job_that_fails_does_not_end_its_thread(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """What a job raises outside of its tasks is logged CRITICAL; the thread takes the next job."""
    workers, jobs = Workers(1), Jobs()
    jobs.may_end.set()

    def fail() -> None:
        jobs.started.put(threading.current_thread())
        raise error("a defect")

    workers.submit(fail)
    workers.submit(jobs.hold)
    assert jobs.next_thread() is jobs.next_thread()
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL


def test_all_users_of_one_limit_share_their_workers() -> None:
    """The workers of a limit exist once in a process."""
    assert workers_of(3) is workers_of(3)
    assert workers_of(3) is not workers_of(5)
    assert workers_of(5).max_workers == 5


class _Gap(queue.SimpleQueue[Any]):
    """A queue in which something happens once, just where a thread looks into it."""

    def __init__(self, **happens: Callable[[], object]) -> None:
        self._happens = happens

    def _happen(self, where: str) -> None:
        happens = self._happens.pop(where, None)
        if happens is not None:
            happens()

    def get_nowait(self) -> Any:
        try:
            return super().get_nowait()
        except queue.Empty:
            self._happen("behind_a_first_look")
            raise

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        self._happen("before_it_waits")
        return super().get(block, timeout)

    def empty(self) -> bool:
        is_empty = super().empty()
        self._happen("behind_the_last_look")
        return is_empty


def test_a_job_that_comes_while_a_thread_begins_to_wait_costs_no_other_its_thread() -> None:
    """As many jobs run together as there are threads, however the first ones came."""
    workers = Workers(1)
    release = threading.Event()
    begun = [threading.Event(), threading.Event()]

    def block(number: int) -> None:
        begun[number].set()
        release.wait(PATIENCE)

    workers._jobs = _Gap(behind_a_first_look=lambda: workers.submit(lambda: block(0)))
    workers.submit(lambda: None)
    assert begun[0].wait(PATIENCE)
    workers.max_workers = 2
    workers.submit(lambda: block(1))
    try:
        assert begun[1].wait(PATIENCE), "it waits for a thread, though a second one is allowed"
    finally:
        release.set()


def _wait_for_the_end_of_its_thread(workers: Workers, gap: _Gap) -> None:
    """Have the one thread of these workers do a job, wait, and end for want of another."""
    ended: queue.Queue[threading.Thread] = queue.Queue()
    call_at_thread_end(lambda: ended.put(threading.current_thread()))
    mine: list[threading.Thread] = []
    workers._jobs = gap
    workers.submit(lambda: mine.append(threading.current_thread()))
    while ended.get(timeout=PATIENCE) not in mine:
        continue  # a thread of another test's


def test_no_job_is_left_to_a_thread_that_took_another() -> None:
    """A thread that was to take one job and got one before it is not counted as waiting twice."""
    workers = Workers(1, idle_seconds=0.01)
    ran: list[int] = []
    _wait_for_the_end_of_its_thread(
        workers,
        _Gap(
            behind_a_first_look=lambda: workers.submit(lambda: ran.append(1)),
            before_it_waits=lambda: workers.submit(lambda: ran.append(2)),
        ),
    )
    assert ran == [1, 2]
    done = threading.Event()
    workers.submit(done.set)
    assert done.wait(PATIENCE), "it waits for a thread that there is not"


def test_no_job_is_left_behind_by_a_thread_that_ends() -> None:
    """One that comes between its last look and its end has a thread all the same."""
    workers = Workers(1, idle_seconds=0.01)
    done = threading.Event()
    _wait_for_the_end_of_its_thread(
        workers, _Gap(behind_the_last_look=lambda: workers.submit(done.set))
    )
    assert done.wait(PATIENCE), "it waits for a thread that has ended"
