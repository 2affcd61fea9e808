"""A site: one host that runs on one server, told where the gate and its receipt are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bgtasks_adapters

from .gate import Gate
from .pairs import Pair
from .servers import RunningServer

_HERE = Path(__file__).parent


class Site(RunningServer):
    """A pair of host and server in a process of its own, with settings of the package."""

    def __init__(self, pair: Pair, gate: Gate, folder: Path, **settings: object) -> None:
        self.pair = pair
        self._gate = gate
        self._folder = folder
        environment = {
            **pair.host.environment,
            "PYTHONPATH": os.pathsep.join(_import_path()),
            "CONTRACT_SERVER": folder.name,
            "CONTRACT_GATE": str(gate.port),
            "CONTRACT_SETTINGS": json.dumps({"receipt": str(folder / "receipt"), **settings}),
        }
        super().__init__(pair.server, pair.host.application, environment, folder / "output")

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


def _import_path() -> list[str]:
    """The applications; what the tests were told to import; the package that the tests imported."""
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    package = Path(bgtasks_adapters.__path__[0]).parent
    return [str(_HERE), *filter(None, inherited), str(package)]
