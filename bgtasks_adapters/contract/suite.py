"""The class that pytest collects: every promise, and the fixtures they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from bgtasks_adapters.contract import plugin
from bgtasks_adapters.contract.bench import Bench
from bgtasks_adapters.contract.gate import Visit
from bgtasks_adapters.contract.hosts import Host, Pair
from bgtasks_adapters.contract.picking import parametrize
from bgtasks_adapters.contract.promises.complete import Complete
from bgtasks_adapters.contract.promises.connection import Connection
from bgtasks_adapters.contract.promises.disconnect import Disconnect
from bgtasks_adapters.contract.promises.failure import Failure
from bgtasks_adapters.contract.promises.fate import Fate
from bgtasks_adapters.contract.promises.order import Order
from bgtasks_adapters.contract.promises.replaced import Replaced
from bgtasks_adapters.contract.promises.shutdown import Shutdown
from bgtasks_adapters.contract.promises.surroundings import Surroundings
from bgtasks_adapters.contract.servers import SERVERS
from bgtasks_adapters.contract.sites import Site, StartSite


class Suite(
    Complete,
    Connection,
    Disconnect,
    Failure,
    Fate,
    Order,
    Replaced,
    Shutdown,
    Surroundings,
):
    """The promises, held over one host on each of its servers.

    A server is started once, for all the tests that do not stop it.
    """

    host: ClassVar[Host]
    pairs: ClassVar[tuple[Pair, ...]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        plugin.register(metafunc.config)
        parametrize(metafunc, self.pairs)

    @pytest.fixture
    def bench(self, request: pytest.FixtureRequest) -> Bench:
        return Bench.of(request.session)

    @pytest.fixture
    def visit(self, bench: Bench) -> Iterator[Visit]:
        visit = bench.new_visit()
        yield visit
        visit.open()

    @pytest.fixture
    def another_visit(self, bench: Bench) -> Iterator[Visit]:
        visit = bench.new_visit()
        yield visit
        visit.open()

    @pytest.fixture
    def site(self, pair: Pair, bench: Bench, request: pytest.FixtureRequest) -> Site:
        site = bench.shared(pair)
        start = len(site.output)
        plugin.attach_output(request.node, lambda: site.output[start:])
        return site

    @pytest.fixture
    def own_site(
        self, pair: Pair, bench: Bench, request: pytest.FixtureRequest
    ) -> Iterator[StartSite]:
        """Start a server that the test stops."""
        started: list[Site] = []

        def start(**settings: object) -> Site:
            site = bench.start(pair, **settings)
            started.append(site)
            plugin.attach_output(request.node, lambda: site.output)
            return site

        yield start
        for site in started:
            site.kill()


class NoServer:
    """Stands in for the suite where no server of the interface is installed."""

    host: ClassVar[Host]

    def test_a_server_is_installed(self) -> None:
        """There is a server to hold the promises on."""
        of_interface = [one for one in SERVERS.values() if one.interface == self.host.interface]
        names = dict.fromkeys(" and ".join(one.packages) for one in of_interface)
        pytest.fail(
            f"No server for {self.host.interface} is installed, so nothing of {self.host.name} was "
            f"tested. Install one or more of: {', '.join(names)}."
        )
