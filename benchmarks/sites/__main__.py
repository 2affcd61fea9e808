"""``python -m benchmarks.sites MODULE ...``: see that sites of one process answer, without timing.

Each module gets a line: its name, and ``answers``, ``absent: the package`` or what went wrong.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from benchmarks.driving_asgi import Lifespan, get_asgi
from benchmarks.driving_asgi import wait_for_tasks as wait_on_the_loop
from benchmarks.driving_wsgi import get_wsgi, wait_for_tasks
from benchmarks.losses import Losses
from benchmarks.sites.catalogue import SITES, Site
from benchmarks.sites.tasks import runs


def main(modules: list[str]) -> None:
    for module in modules:
        site = SITES[module]
        try:
            application = site.take_turn()
        except Exception as error:
            missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
            if not isinstance(missing, ModuleNotFoundError):
                raise
            print(module, f"absent: {missing.name}")
            continue
        losses = Losses()
        if site.protocol == "wsgi":
            _try_wsgi(site, application, losses)
        else:
            asyncio.run(_try_asgi(site, application, losses))
        lost = losses.in_words("one request each")
        print(module, lost if losses.lost else "answers")


def _try_wsgi(site: Site, application: Any, losses: Losses) -> None:
    for page in ("/none", *(f"/{kind}" for kind in site.kinds)):
        before = runs.ran
        _check(page, get_wsgi(application, page))
        wait_for_tasks(before, int(page != "/none"), losses)
    _check_report(get_wsgi(application, "/ran"))


async def _try_asgi(site: Site, application: Any, losses: Losses) -> None:
    lifespan = Lifespan(application)
    await lifespan.start()
    for page in ("/none", *(f"/{kind}" for kind in site.kinds)):
        before = runs.ran
        _check(page, await get_asgi(application, page))
        await wait_on_the_loop(before, int(page != "/none"), losses)
    _check_report(await get_asgi(application, "/ran"))
    await lifespan.end()


def _check(page: str, body: bytes) -> None:
    if body != b"ok":
        raise AssertionError(f"{page} answers {body!r}")


def _check_report(body: bytes) -> None:
    if json.loads(body) != runs.report():
        raise AssertionError(f"/ran answers {body!r}, and the process says {runs.report()}")


if __name__ == "__main__":
    main(sys.argv[1:])
