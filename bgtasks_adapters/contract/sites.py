"""A site: one host that runs on one server, told where the gate and its receipt are."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bgtasks_adapters.contract.gate import Gate
from bgtasks_adapters.contract.hosts import Pair
from bgtasks_adapters.contract.running import RunningServer

_APPLICATION = "bgtasks_adapters.contract.served.application:application"


class Site(RunningServer):
    """A pair of host and server in a process of its own, with settings of the package."""

    def __init__(self, pair: Pair, gate: Gate, folder: Path, **settings: object) -> None:
        self.pair = pair
        self._gate = gate
        self._folder = folder
        environment = {
            "PYTHONPATH": import_path(),
            **pair.host.environment,
            "CONTRACT_HOST": pair.host.make_host,
            "CONTRACT_HOST_FILE": pair.host.file,
            "CONTRACT_INTERFACE": pair.host.interface,
            "CONTRACT_SERVER": folder.name,
            "CONTRACT_GATE": str(gate.port),
            "CONTRACT_SETTINGS": json.dumps({"receipt": str(folder / "receipt"), **settings}),
        }
        super().__init__(pair.server, _APPLICATION, environment, folder / "output")

    def begin_to_stop(self, target: str) -> None:
        """Send SIGTERM and return when it has reached the process of the application.

        Under WSGI the main thread ends; under ASGI an idle connection is closed, which is made
        by a request for `target`. Whether a server still listens tells nothing: some do, until
        their exit.
        """
        if self.pair.server.interface == "wsgi":
            self.send_sigterm()
            name = self._folder.name
            self._gate.wait_until(lambda: bool(self._gate.of(name)), name, "end of main thread")
        else:
            with self.connect() as idle:
                idle.ask(target)
                self.send_sigterm()
                idle.wait_for_end()

    @property
    def receipt(self) -> dict[str, Any]:
        """The receipt that the server's process wrote at its exit."""
        lines = (self._folder / "receipt").read_text().splitlines()
        assert len(lines) == 1, f"not one receipt but {len(lines)}: {lines}\n{self.output}"
        receipt: dict[str, Any] = json.loads(lines[0])
        return receipt


StartSite = Callable[..., Site]
"""Start a server, with settings of the package as keywords."""


def import_path() -> str:
    """Return, as a PYTHONPATH, where this process imports from, pytest's additions included."""
    return os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
