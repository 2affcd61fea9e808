"""What a whole run gave, and on what: the machine, the versions, the date; kept in a file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.results import Result

FILE = Path(__file__).parent / "results.json"

PACKAGES = (
    "aiojobs",
    "anyio",
    "asgi-background",
    "asgiref",
    "bgtasks-adapters",
    "Django",
    "django-after-response",
    "django-tasks-inprocess",
    "django-tasks-local",
    "fastapi",
    "fastapi-taskflow",
    "Flask",
    "Flask-Executor",
    "gunicorn",
    "httptools",
    "litestar",
    "Quart",
    "starlette",
    "uvicorn",
    "uvloop",
    "Werkzeug",
)
"""Those whose versions bear on the figures."""


@dataclass(frozen=True)
class Record:
    """The results of each section, by its module, and what they were measured on."""

    machine: str
    python: str
    versions: Mapping[str, str]
    date: str
    sections: Mapping[str, Sequence[Result]]

    @property
    def results(self) -> list[Result]:
        return [result for results in self.sections.values() for result in results]

    @classmethod
    def of(cls, sections: Mapping[str, Sequence[Result]]) -> Record:
        """Make the record of a run on this machine, today."""
        today = datetime.now(UTC).date().isoformat()
        return cls(describe_machine(), describe_python(), _versions(), today, sections)

    @classmethod
    def load(cls, file: Path = FILE) -> Record:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        sections = {
            module: [Result.from_json(record) for record in records]
            for module, records in kept.pop("sections").items()
        }
        return cls(**kept, sections=sections)

    def save(self, file: Path = FILE) -> None:
        kept = {
            "machine": self.machine,
            "python": self.python,
            "versions": self.versions,
            "date": self.date,
            "sections": {
                module: [result.to_json() for result in results]
                for module, results in self.sections.items()
            },
        }
        file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def describe_python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def describe_machine() -> str:
    """Say on which system and how many processors of which kind this runs."""
    return f"{platform.system()} on {os.cpu_count()} x {_processor()}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    return {name: found for name in PACKAGES if (found := _version_of(name)) is not None}


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
