"""A task that fails harms nothing: not the next task, not the connection, not the server."""

from __future__ import annotations

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair, View
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.sites import Site


def _keeps_alive(pair: Pair) -> bool:
    return pair.server.keeps_alive


class Failure:
    """A task that fails harms nothing: not the next task, not the connection, not the server."""

    @pytest.mark.parametrize("queue", ["failing_def", "failing_async"])
    def test_a_failure_is_logged_and_the_next_task_runs(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """A failing task is in the server's log with its traceback, and the next task runs."""
        with site.connect() as connection:
            response = connection.ask(visit.target(view, "length", queue))
        assert response.status == 200
        assert visit.fate("broken") == "failed"
        assert visit.fate("next") == "succeeded"
        output = site.output
        assert f"RuntimeError: {visit.token} asked for a failure" in output
        assert "Traceback (most recent call last)" in output
        assert "queues.py" in output, "the traceback does not reach the line that failed"

    @pytest.mark.parametrize("queue", ["failing_def", "failing_async"])
    def test_an_observer_is_told_the_error(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """An observer is told of a failure once, with the exception."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", queue))
        assert visit.fate("next") == "succeeded"
        assert visit.wait_for("broken", "observed").info["error"] == (
            f"RuntimeError('{visit.token} asked for a failure')"
        )
        assert visit.history("observed") == ["broken observed", "next observed"]

    @only(_keeps_alive)
    @pytest.mark.parametrize("queue", ["failing_def", "failing_async"])
    def test_the_connection_survives_a_failure(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """A connection whose last response had a failing task goes on to be used."""
        with site.connect() as connection:
            connection.ask(visit.target(view, "length", queue))
            assert visit.fate("broken") == "failed"
            response = connection.ask(visit.target(view, "length"))
        assert response.status == 200
