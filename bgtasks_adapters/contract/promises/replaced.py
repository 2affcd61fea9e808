"""A response that is not the view's own loses no task of the view."""

from __future__ import annotations

import pytest

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair, View
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.sites import Site


def _answers_conditionally(pair: Pair) -> bool:
    return "conditional" in pair.host.shapes


def _replaces_responses(pair: Pair) -> bool:
    return "replaced" in pair.host.shapes


class Replaced:
    """A response that is not the view's own loses no task of the view."""

    @only(_answers_conditionally)
    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_a_304_that_a_middleware_makes(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """A middleware that answers 304 in the place of the view's response loses no task."""
        with site.connect() as connection:
            etag = connection.ask(visit.target(view, "length")).headers["etag"]
        with site.connect() as connection:
            target = visit.target(view, "length", queue)
            response = connection.ask(target, headers={"If-None-Match": etag})
        visit.release("task")
        assert response.status == 304
        assert visit.fate("task") == "succeeded"

    @only(_replaces_responses)
    @pytest.mark.parametrize("queue", ["held_def", "held_async"])
    def test_a_response_that_a_middleware_replaces(
        self, site: Site, visit: Visit, view: View, queue: str
    ) -> None:
        """A middleware that answers in the place of the view's response loses no task."""
        with site.connect() as connection:
            response = connection.ask(visit.target(view, "replaced", queue))
        visit.release("task")
        assert response.status == 202
        assert visit.fate("task") == "succeeded"
