"""``python -m benchmarks.requests_django``: whole requests of Django, without a server.

Settings, signals and the backend of the tasks framework are those of a process. So each group of
contenders is measured in a process of its own, together with what its ratios are to.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.results import Reach, Result
from benchmarks.rows import Entry, Extent, Row, measure_asgi, measure_wsgi, print_results
from benchmarks.sections import ROOT
from benchmarks.sites.catalogue import SITES
from benchmarks.sites.django_site import MIDDLEWARE_VARIABLE

PEERS = (
    "django_after_response",
    "django_tasks_local",
    "django_tasks_inprocess",
    "django_tasks_ours",
)
ONE_DEF_TASK = "Django under WSGI: a request with one `def` task"
BY_HAND = (
    "By hand: a closer of the response with `ThreadPoolExecutor.submit`; with care, it also copies "
    "the context, re-activates language and time zone, and closes old connections."
)
PEERS_APART = (
    "django-after-response and the backends of Django's tasks framework change the process that "
    "they are in: the ratio of each is to the closer by hand of its own process."
)


@dataclass(frozen=True)
class Group:
    """Rows that are measured in one process."""

    rows: Sequence[Row]
    full: Extent
    quick: Extent
    is_async: bool = False

    def measure(self, *, is_quick: bool) -> list[Result]:
        extent = self.quick if is_quick else self.full
        if self.is_async:
            return asyncio.run(measure_asgi(self.rows, extent))
        return measure_wsgi(self.rows, extent)


def _wsgi(name: str, *, has_reach: bool) -> Group:
    return Group(
        (
            Row(
                f"{name}: a request that queues nothing",
                (Entry("django_wsgi_bare", "/none"), Entry("django_wsgi_ours", "/none")),
                Reach(1.05) if has_reach else None,
            ),
            Row(
                f"{name}: a request with one `def` task",
                (
                    Entry("django_wsgi_by_hand", "/def"),
                    Entry("django_wsgi_ours", "/def"),
                    Entry("django_wsgi_with_care", "/def"),
                    Entry("django_wsgi_bare", "/none", "bare, without a task"),
                ),
                Reach(1.15) if has_reach else None,
                BY_HAND,
            ),
        ),
        Extent(101, 200),
        Extent(9, 100),
    )


def _asgi(name: str, *, has_reach: bool) -> Group:
    bare = Entry("django_asgi_bare", "/none", "bare, without a task")
    pages = (
        ("/none", "a request that queues nothing", 1.02),
        ("/def", "a request with one `def` task", 1.05),
        ("/async", "a request with one `async def` task", 1.08),
    )
    return Group(
        tuple(
            Row(
                f"{name}: {words}",
                (
                    bare,
                    Entry("django_asgi_ours", page),
                    *(() if page == "/none" else (Entry("django_asgi_by_hand", page),)),
                ),
                Reach(limit) if has_reach else None,
            )
            for page, words, limit in pages
        ),
        # A request takes several times as long here, because Django changes threads in it.
        Extent(81 if has_reach else 21, 50),
        Extent(5 if has_reach else 3, 50),
        is_async=True,
    )


def _peer(module: str) -> Group:
    entries = (Entry("django_wsgi_by_hand", "/def"), Entry(module, "/def"))
    return Group((Row(ONE_DEF_TASK, entries),), Extent(31, 100), Extent(5, 100))


GROUPS = {
    "wsgi": _wsgi("Django under WSGI", has_reach=True),
    "asgi": _asgi("Django under ASGI", has_reach=True),
    "wsgi-startproject": _wsgi(
        "Django under WSGI with the middleware of `startproject`", has_reach=False
    ),
    "asgi-startproject": _asgi(
        "Django under ASGI with the middleware of `startproject`", has_reach=False
    ),
    **{module: _peer(module) for module in PEERS},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests_django")
    parser.add_argument("--quick", action="store_true", help="take fewer rounds")
    parser.add_argument("--group", choices=GROUPS, help="measure this one, in this process")
    options = parser.parse_args()
    if options.group is not None:
        print_results(GROUPS[options.group].measure(is_quick=options.quick))
        return
    measured = {group: _measure_apart(group, is_quick=options.quick) for group in GROUPS}
    print_results(_with_peers(measured))


def _measure_apart(group: str, *, is_quick: bool) -> list[Result]:
    command = [sys.executable, "-m", "benchmarks.requests_django", "--group", group]
    middleware = "startproject" if group.endswith("-startproject") else ""
    done = subprocess.run(
        [*command, "--quick"] if is_quick else command,
        cwd=ROOT,
        env={**os.environ, MIDDLEWARE_VARIABLE: middleware},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Result.from_json(record) for record in json.loads(done.stdout.splitlines()[-1])]


def _with_peers(measured: dict[str, list[Result]]) -> list[Result]:
    """Put the figure of each peer, from its own process, into the row of its kind."""
    apart = [
        figure
        for module in PEERS
        for figure in measured[module][0].figures
        if figure.name == SITES[module].contender
    ]
    return [
        replace(row, figures=[*row.figures, *apart], remark=f"{row.remark} {PEERS_APART}")
        if row.what == ONE_DEF_TASK
        else row
        for group, rows in measured.items()
        if group not in PEERS
        for row in rows
    ]


if __name__ == "__main__":
    main()
