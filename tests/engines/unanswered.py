"""``python -m tests.engines.unanswered ENGINE KIND``: a response whose task nobody takes.

KIND is how the broker is: "silent" accepts connections and never answers, "refusing" has none.
Prints what happens, and ends as a script does.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from importlib import import_module
from typing import Any

from bgtasks_adapters import TaskEvent, add_task
from bgtasks_adapters.handoff import Handoff
from tests.engines import services
from tests.engines.noted import note
from tests.wsgi_server import WsgiExchange, app_of, bounded

SECONDS = 0.5
"""That the engine has to take the task."""


def main() -> None:
    name, kind = sys.argv[1:]
    broker = socket.create_server(("127.0.0.1", 0))
    os.environ[services.REDIS_VARIABLE] = str(broker.getsockname()[1])
    if kind == "silent":
        threading.Thread(target=_accept, args=(broker,), daemon=True).start()
    else:
        broker.close()
    site: Any = import_module(f"tests.engines.sites.{name}_site")
    app = app_of(lambda: add_task(note))
    handoff = Handoff(site.task, timeout=SECONDS)
    WsgiExchange(bounded(app, handoff=handoff, observers=[_say_fate])).run()
    _say("responded")


def _accept(broker: socket.socket) -> None:
    connections: list[socket.socket] = []  # kept, or they would be closed
    while True:
        connections.append(broker.accept()[0])


def _say_fate(event: TaskEvent) -> None:
    _say(f"{event.kind}: {type(event.error).__name__}")


def _say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    main()
