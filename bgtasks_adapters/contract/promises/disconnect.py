"""A client that leaves takes no task with it, where the adapter stands at the boundary."""

from __future__ import annotations

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair, View
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.sites import Site


def _sees_clients_leave(pair: Pair) -> bool:
    return pair.sees_clients_leave


def _sees_every_end(pair: Pair) -> bool:
    return pair.host.is_boundary or pair.server.always_calls_close


class Disconnect:
    """A client that leaves takes no task with it, where the adapter stands at the boundary."""

    @only(_sees_clients_leave)
    def test_a_client_that_leaves_before_the_response(
        self, site: Site, visit: Visit, view: View
    ) -> None:
        """Tasks of a client that left during the view run, but for those of a view cut short."""
        with site.connect() as connection:
            connection.send(visit.target(view, "waiting", "each_when"))
            waiting = visit.wait_for("view", "started")
            connection.abort()
        is_cut_short = view == "async" and site.pair.host.cancels_async_views
        if is_cut_short:
            waiting.wait_until_gone()
        waiting.release()
        kinds = [visit.fate(when) for when in ("returned", "success", "always")]
        skipped_or_not = "skipped" if is_cut_short else "succeeded"
        assert kinds == [skipped_or_not, skipped_or_not, "succeeded"]

    @only(_sees_clients_leave)
    def test_a_client_that_leaves_during_the_body(
        self, site: Site, visit: Visit, view: View
    ) -> None:
        """Tasks of a client that left in the middle of the body run: the view had returned."""
        with site.connect() as connection:
            connection.send(visit.target(view, "gated", "each_when"))
            connection.read_head()
            connection.read_until(b"one piece\n")
            body = visit.wait_for("body", "started")
            connection.abort()
        body.release()
        for when in ("returned", "success", "always"):
            assert visit.fate(when) == "succeeded"

    @only(_sees_clients_leave)
    @only(_sees_every_end)
    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_a_client_that_leaves_with_its_response(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """A task runs although its client left the very moment that the response was complete."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", queue))
            connection.abort()
        visit.release("task")
        assert visit.fate("task") == "succeeded"

    @only(_sees_clients_leave)
    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_a_client_that_leaves_during_a_task(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """A task that runs when its client leaves runs to its end."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", queue))
            task = visit.wait_for("task", "started")
            connection.abort()
        with site.connect() as other:
            other.ask(visit.target(view, "length"))
        task.release()
        assert visit.fate("task") == "succeeded"
        assert visit.history("ended") == ["task ended"]
