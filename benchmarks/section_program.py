"""The program of a section: its options, and the one line that ``sections.Section`` reads."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.results import Result


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    is_quick: bool
    rounds: int | None

    def rounds_of(self, full: int, quick: int) -> int:
        """Return how many rounds to take, of which a test asks for as few as it likes."""
        return self.rounds or (quick if self.is_quick else full)


def parse_effort(about: str | None) -> Effort:
    """Read the options of a section's program."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="take few rounds")
    parser.add_argument("--rounds", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    return Effort(options.quick, options.rounds)


def print_results(results: Iterable[Result]) -> None:
    """Print them as the last line, to be read by the report."""
    print(json.dumps([result.to_json() for result in results]))
