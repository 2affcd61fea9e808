"""What the doctor prints: a table with advice, or JSON; and what it is doing meanwhile."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

from bgtasks_adapters.doctor.advice import advice_for
from bgtasks_adapters.doctor.columns import Finding
from bgtasks_adapters.doctor.examination import Examination

_WHERE = {"wsgi": "WSGI boundary", "asgi": "ASGI boundary", "django": "Django middleware"}


def show_progress(number: int, total: int, name: str) -> None:
    """Say on standard error what is measured: on one line of a terminal, else a line each."""
    text = f"{number} of {total}: {name}"
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        if number == total:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def table(examination: Examination) -> str:
    """Return a line for each column, and below it what to do if that is not good."""
    return "\n".join(_lines(examination))


def _lines(examination: Examination) -> Iterator[str]:
    server = examination.server
    yield f"{server['server']}, measured in its {_WHERE[server['interface']]}"
    yield ""
    width = max(len(finding.column) for finding in examination.findings)
    yield f"{'':{width}}  {'def':10}async def"
    for column, group in groupby(examination.findings, key=lambda finding: finding.column):
        findings = list(group)
        mark = "  " if all(finding.is_good for finding in findings) else "! "
        words = "".join(f"{finding.word:10}" for finding in findings if finding.kind != "server")
        yield (f"{column:{width}}  {words.rstrip()}".ljust(width + 24) + mark).rstrip()
        for text in _explanations(findings, examination):
            yield f"    {text}"
    yield ""
    if examination.is_healthy:
        yield "No client was held, and no task was lost."
    else:
        count = sum(finding.is_bad for finding in examination.findings)
        yield f"{count} of {len(examination.findings)} findings are bad: see the lines marked !"


def _explanations(findings: list[Finding], examination: Examination) -> Iterator[str]:
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        advice = advice_for(finding, examination.server)
        if advice:
            text = f"{finding.detail or finding.word}. {advice}"
            kinds.setdefault(text, []).append(finding.kind)
    for text, of_kinds in kinds.items():
        yield f"{', '.join(of_kinds)}: {text}"


def as_json(examination: Examination) -> str:
    """Return the same for programs."""
    findings = [
        {
            **asdict(finding),
            "is_good": finding.is_good,
            "is_bad": finding.is_bad,
            "advice": advice_for(finding, examination.server),
        }
        for finding in examination.findings
    ]
    found = {
        "server": examination.server,
        "is_healthy": examination.is_healthy,
        "findings": findings,
    }
    return json.dumps(found, indent=2)
