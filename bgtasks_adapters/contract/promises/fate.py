"""What `when` makes of the ways in which a view can end; whatever it is, it is reported."""

from __future__ import annotations

from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Pair, View
from bgtasks_adapters.contract.picking import only
from bgtasks_adapters.contract.sites import Site

ALL_RUN = ["succeeded", "succeeded", "succeeded"]
NO_SUCCESS = ["succeeded", "skipped", "succeeded"]
RAISED = ["skipped", "skipped", "succeeded"]


def fates(site: Site, visit: Visit, view: View, shape: str, status: int) -> list[str]:
    """Return the fates of tasks for "returned", "success" and "always", in this order."""
    with site.connect() as connection:
        response = connection.ask(visit.target(view, shape, "each_when"))
    assert response.status == status
    kinds = [visit.fate(when) for when in ("returned", "success", "always")]
    ran = [f"{when} started" for when in ("returned", "success", "always")]
    assert visit.history("started") == [
        line for line, kind in zip(ran, kinds, strict=True) if kind == "succeeded"
    ]
    return kinds


def _has_its_own_not_found(pair: Pair) -> bool:
    return "missing" in pair.host.shapes


class Fate:
    """What `when` makes of the ways in which a view can end; whatever it is, it is reported."""

    def test_a_view_that_returns(self, site: Site, visit: Visit, view: View) -> None:
        """Every rule runs its task behind a view that returned."""
        assert fates(site, visit, view, "length", 200) == ALL_RUN

    def test_a_view_that_redirects(self, site: Site, visit: Visit, view: View) -> None:
        """A redirect is a success."""
        assert fates(site, visit, view, "redirect", 302) == ALL_RUN

    def test_a_view_that_raises(self, site: Site, visit: Visit, view: View) -> None:
        """Behind a view that raised only "always" runs; the others are reported as skipped."""
        assert fates(site, visit, view, "error", 500) == RAISED

    def test_a_view_that_returns_an_error(self, site: Site, visit: Visit, view: View) -> None:
        """A returned 404 is no success; it counts as raised where no adapter saw the view."""
        expected = NO_SUCCESS if site.pair.host.sees_the_view else RAISED
        assert fates(site, visit, view, "refused", 404) == expected

    @only(_has_its_own_not_found)
    def test_a_view_that_ends_with_the_exception_for_not_found(
        self, site: Site, visit: Visit, view: View
    ) -> None:
        """A framework's own exception for "not found" counts as raised."""
        assert fates(site, visit, view, "missing", 404) == RAISED

    def test_the_report_of_a_skipped_task_says_why(
        self, site: Site, visit: Visit, view: View
    ) -> None:
        """An observer is told the reason with every task that was skipped."""
        assert fates(site, visit, view, "error", 500) == RAISED
        for when in ("returned", "success"):
            assert visit.wait_for(when, "observed").info["reason"]
