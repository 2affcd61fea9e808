"""When the tasks of one response start, and in which order."""

from __future__ import annotations

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import View
from bgtasks_adapters.contract.sites import Site


class Order:
    """When the tasks of one response start, and in which order."""

    def test_tasks_run_first_in_first_out(self, site: Site, visit: Visit, view: View) -> None:
        """The tasks of one response run one after the other, in the order of their adding."""
        names = ["first", "second", "third", "fourth"]
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", "four_in_a_row"))
        for name in names:
            visit.release(name)
        assert visit.fate("fourth") == "succeeded"
        expected = [f"{name} {event}" for name in names for event in ("started", "ended")]
        assert visit.history("started", "ended") == expected

    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_no_task_starts_before_the_end_of_the_response(
        self, site: Site, visit: Visit, another_visit: Visit, view: View, queue: str
    ) -> None:
        """A task starts only when the end of the response has been handed to the server."""
        with site.connect() as connection:
            connection.send(visit.target(view, "ending", queue))
            end = visit.wait_for("end", "started")
            if site.pair.server.serves_others_meanwhile:
                # A task of a later response runs: one started too early would have come first.
                with site.connect() as other:
                    other.ask(another_visit.target(view, "length", "short"))
                assert another_visit.fate("task") == "succeeded"
            assert visit.history("started") == ["end started"]
            end.release()
            connection.read_response()
            visit.release("task")
        assert visit.fate("task") == "succeeded"
