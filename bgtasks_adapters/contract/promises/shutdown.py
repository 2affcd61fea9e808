"""A server that is told to stop loses no task silently: it ends, or the receipt names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bgtasks_adapters.contract.gate import Arrival, Visit, all_still_wait
from bgtasks_adapters.contract.hosts import Pair
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.sites import Site, StartSite

EVERY_FATE = {
    "plain def": "succeeded",
    "plain async": "succeeded",
    "broken": "failed",
    "unwanted": "skipped",
    "first of two": "replaced",
    "second of two": "succeeded",
    "taken back": "cancelled",
    "too slow": "timed_out",
    "last": "succeeded",
}
"""What becomes of the tasks of the queue `every_fate`."""

FATES = (
    "succeeded",
    "failed",
    "timed_out",
    "skipped",
    "replaced",
    "cancelled",
    "left_over",
    "handed_off",
)


def assert_receipt(site: Site, expected: Mapping[str, int]) -> None:
    """Hold that the receipt has these counts and no others, and that they are balanced."""
    receipt = site.receipt
    counts = {fate: receipt[fate] for fate in FATES}
    assert {fate: count for fate, count in counts.items() if count} == expected
    assert receipt["added"] == sum(counts.values())
    assert receipt["pending"] == 0


def _sees_the_server_stop(pair: Pair) -> bool:
    return pair.sees_the_server_stop


def start_tasks(site: Site, queue: str, visits: Sequence[Visit]) -> list[Arrival]:
    """Start a task of each kind, one for a visit."""
    arrivals: list[Arrival] = []
    for kind, visit in zip(("def", "async"), visits, strict=True):
        with site.connect() as connection:
            connection.ask(visit.target(site.pair.host.views[0], "length", f"{queue}_{kind}"))
        arrivals.append(visit.wait_for("task", "started"))
    return arrivals


class Shutdown:
    """A server that is told to stop loses no task silently: it ends, or the receipt names it."""

    @only(_sees_the_server_stop)
    def test_the_receipt_is_balanced(self, own_site: StartSite, pair: Pair, visit: Visit) -> None:
        """At the end of its process, a receipt counts each task once, under what became of it."""
        site = own_site()
        with site.connect() as connection:
            connection.ask(visit.target(pair.host.views[0], "length", "every_fate"))
        assert {name: visit.fate(name) for name in EVERY_FATE} == EVERY_FATE
        site.stop()
        kinds = list(EVERY_FATE.values())
        assert_receipt(site, {kind: kinds.count(kind) for kind in kinds})

    @only(_sees_the_server_stop)
    def test_running_tasks_are_finished(
        self, own_site: StartSite, pair: Pair, visit: Visit, another_visit: Visit
    ) -> None:
        """The tasks that run when SIGTERM comes run to their end."""
        site = own_site()
        tasks = start_tasks(site, "held", (visit, another_visit))
        site.begin_to_stop(visit.target(pair.host.views[0], "length"))
        assert all_still_wait(tasks), "a task was cut off: the process did not wait for it"
        for task in tasks:
            task.release()
        site.wait_for_exit()
        assert_receipt(site, {"succeeded": len(tasks)})

    @only(_sees_the_server_stop)
    def test_what_is_left_over_is_named(
        self, own_site: StartSite, visit: Visit, another_visit: Visit
    ) -> None:
        """A task that outlasts `shutdown_timeout` does not hold the exit; the receipt names it."""
        site = own_site(shutdown_timeout=0.5)
        tasks = start_tasks(site, "named", (visit, another_visit))
        site.send_sigterm()
        site.wait_for_exit()
        names = [f"left over by {task.visit}" for task in tasks]
        assert sorted(site.receipt["tasks_left_over"]) == sorted(names)
        assert all(name in site.output for name in names)
        assert_receipt(site, {"left_over": len(tasks)})
