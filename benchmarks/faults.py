"""What a contender does with its tasks that the reader of its figures must know.

Tried with ``/many``, and not timed: a few responses one after the other, with a pause before each
is complete, then several at a time.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import driving_asgi, driving_wsgi
from benchmarks.losses import Losses
from benchmarks.sites.tasks import MANY, runs

ONE_BY_ONE = 3
AT_A_TIME = 4
TOGETHER = 12
PAUSE = 0.005
"""Seconds."""


def wsgi_faults(application: Any, timed: Losses) -> str:
    """Try a WSGI application; return its faults in words, or nothing."""
    tried = _Trial(timed)
    for _ in range(ONE_BY_ONE):
        before, early = runs.ran, runs.early
        driving_wsgi.get_wsgi(application, "/many", pause=PAUSE)
        tried.holds_close |= runs.ran - before == MANY
        driving_wsgi.wait_for_tasks(before, MANY, timed)
        tried.starts_early |= runs.early > early
    before = runs.ran
    with ThreadPoolExecutor(AT_A_TIME) as clients:
        list(clients.map(lambda _: driving_wsgi.get_wsgi(application, "/many"), range(TOGETHER)))
    driving_wsgi.wait_for_tasks(before, TOGETHER * MANY, tried.together)
    return tried.in_words()


async def asgi_faults(application: Any, timed: Losses) -> str:
    """Try an ASGI application; return its faults in words, or nothing."""
    tried = _Trial(timed)
    for _ in range(ONE_BY_ONE):
        before, early = runs.ran, runs.early
        await driving_asgi.get_asgi(application, "/many", pause=PAUSE)
        await driving_asgi.wait_for_tasks(before, MANY, timed)
        tried.starts_early |= runs.early > early
    before = runs.ran
    for _ in range(TOGETHER // AT_A_TIME):
        clients = (driving_asgi.get_asgi(application, "/many") for _ in range(AT_A_TIME))
        await asyncio.gather(*clients)
    await driving_asgi.wait_for_tasks(before, TOGETHER * MANY, tried.together)
    return tried.in_words()


class _Trial:
    def __init__(self, one_by_one: Losses) -> None:
        self.one_by_one = one_by_one
        self.together = Losses()
        self.starts_early = False
        self.holds_close = False
        runs.is_in_order = True

    def in_words(self) -> str:
        held = "runs tasks inside `close()`, where most servers hold the client"
        found = (
            (self.one_by_one.in_words("requests one by one"), self.one_by_one.lost),
            (self.together.in_words(f"{AT_A_TIME} requests at a time"), self.together.lost),
            ("starts tasks before the response is complete", self.starts_early),
            ("does not keep the order of a response's tasks", not runs.is_in_order),
            (held, self.holds_close),
        )
        return "; ".join(words for words, is_so in found if is_so)
