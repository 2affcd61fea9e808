"""Where tasks can be added below a view, and what they see of that place."""

from __future__ import annotations

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair, View
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.sites import Site


def _is_boundary(pair: Pair) -> bool:
    return pair.host.is_boundary


class Surroundings:
    """Where tasks can be added below a view, and what they see of that place."""

    def test_a_task_sees_the_context_of_the_line_that_added_it(
        self, site: Site, visit: Visit, view: View
    ) -> None:
        """A context variable reads in a task as it did on the line that added the task."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", "lines"))
        for line in ("def line", "async line"):
            assert visit.wait_for(line, "started").info["line"] == line

    def test_an_observer_sees_the_context_of_the_task(
        self, site: Site, visit: Visit, view: View
    ) -> None:
        """A context variable reads in an observer as it did on the line that added the task."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", "lines"))
        for line in ("def line", "async line"):
            assert visit.wait_for(line, "observed").info["line"] == line

    @pytest.mark.parametrize("queue", ["nested_def", "nested_async"])
    def test_a_task_adds_a_task(self, site: Site, visit: Visit, view: View, queue: str) -> None:
        """A task that a running task adds is appended to the same tasks, and run."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", queue))
        assert visit.fate("child") == "succeeded"
        started = ["parent started", "sibling started", "child started"]
        assert visit.history("started") == started

    @only(_is_boundary)
    def test_a_streaming_body_adds_tasks(self, site: Site, visit: Visit, view: View) -> None:
        """Tasks that a streamed body adds, behind its last piece too, run after the response."""
        with site.connect() as connection:
            response = connection.ask(visit.target(view, "adding"))
        assert response.body == b"one piece\nanother piece\n"
        assert visit.fate("behind the pieces") == "succeeded"
        assert visit.history("started") == [
            "before piece 0 started",
            "before piece 1 started",
            "behind the pieces started",
        ]
