"""The sections of the report: in which order, and which module measures each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Result

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Section:
    """A part of the report, measured by ``python -m benchmarks.<module>``.

    That prints a JSON list of results (see ``results``) as its last line, and with ``--quick``
    takes fewer rounds. A process of its own, so that what one imports or starts touches no other.
    """

    module: str
    title: str
    about: str
    """What is measured and how, for the page, as Markdown."""

    def run(self, *, is_quick: bool) -> Sequence[Result]:
        command = [sys.executable, "-m", f"benchmarks.{self.module}"]
        done = subprocess.run(
            [*command, "--quick"] if is_quick else command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return [Result.from_json(record) for record in json.loads(done.stdout.splitlines()[-1])]
