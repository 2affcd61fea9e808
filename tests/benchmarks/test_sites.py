"""Each site of the benchmarks answers its pages and runs its tasks; how fast, no test says."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from benchmarks.sites.catalogue import SITES, Site

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
MAY_BE_ABSENT = {
    "after_response",
    "aiojobs",
    "asgi_background",
    "django.tasks",
    "django_tasks_inprocess",
    "django_tasks_local",
    "fastapi_taskflow",
    "flask_executor",
}
"""Packages that are installed for measurements only; and Django before 6.0 has no tasks."""


@pytest.mark.parametrize("module", SITES)
def test_answers(module: str) -> None:
    """A site answers ``/none``, each kind of task it has, and ``/ran``, and its tasks run."""
    site = SITES[module]
    together = tuple(name for name, other in SITES.items() if _share_a_process(site, other))
    said = _outcomes(together)[module]
    if said.removeprefix("absent: ") in MAY_BE_ABSENT:
        pytest.skip(said)
    assert said == "answers"


def _share_a_process(site: Site, other: Site) -> bool:
    if site.is_alone or other.is_alone:
        return site is other
    return (site.framework, site.protocol) == (other.framework, other.protocol)


@cache
def _outcomes(modules: tuple[str, ...]) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks.sites", *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (line.partition(" ") for line in done.stdout.splitlines())
    return {module: outcome for module, _, outcome in lines}
