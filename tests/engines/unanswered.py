"""``python -m tests.engines.unanswered SITE SERVICE KIND TASK``: a response whose task waits.

KIND is how the broker is. "silent" accepts connections and never answers; where the engine has to
be connected first, it falls silent after that. "refusing" has none. "slow" is the one whose port
the environment names, but each of its answers comes late, and the first only behind the response.
TASK is "handoff", or "native" for a task of the engine's own. Prints what happens, and ends as a
script does.
"""

from __future__ import annotations

import os
import socket
import sys
from importlib import import_module
from typing import Any

from bgtasks_adapters import TaskEvent, add_task
from bgtasks_adapters.handoff import Handoff
from tests.engines import services
from tests.engines.noted import note
from tests.engines.proxy import Proxy
from tests.wsgi_server import PATIENCE, WsgiExchange, app_of, bounded

SECONDS = 0.5
"""That the engine has to take the task from a broker that does not answer."""
DELAY = 0.3
"""Of each answer of a slow broker, in seconds."""


def main() -> None:
    name, service, kind, task = sys.argv[1:]
    variable = services.variable(service)
    is_connected_first = service == "postgresql"
    server = int(os.environ[variable]) if variable in os.environ else None
    proxy = Proxy(
        server if kind == "slow" or is_connected_first else None, DELAY * (kind == "slow")
    )
    os.environ[variable] = str(_unused_port() if kind == "refusing" else proxy.port)
    site: Any = import_module(f"tests.engines.sites.{name}_site")
    if is_connected_first:
        site.app.open()
    proxy.may_answer.clear()
    added = site.native if task == "native" else note
    handoff = Handoff(site.task, timeout=PATIENCE if kind == "slow" else SECONDS)
    app = bounded(app_of(lambda: add_task(added)), handoff=handoff, observers=[_say_fate])
    WsgiExchange(app).run()
    _say("responded")
    if kind == "slow":
        proxy.may_answer.set()


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _say_fate(event: TaskEvent) -> None:
    _say(f"{event.kind}: {type(event.error).__name__}")


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    main()
