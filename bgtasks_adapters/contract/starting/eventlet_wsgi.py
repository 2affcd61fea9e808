"""Start eventlet's WSGI server as its documentation does: MODULE:NAME, PORT, "patched" or not."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

if __name__ == "__main__":
    # Its resolver loads all that dnspython can use: with httpx2 trio, which its sockets break.
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
    eventlet: Any = import_module("eventlet")  # it has no types
    if sys.argv[3] == "patched":
        eventlet.monkey_patch()

    wsgi: Any = import_module("eventlet.wsgi")

    from bgtasks_adapters.contract.served.announce import announce, is_patched_by_eventlet

    module, _, name = sys.argv[1].partition(":")
    application = getattr(import_module(module), name)
    # By default it keeps pieces of a body back until they are 16 kB.
    listener = eventlet.listen(("127.0.0.1", int(sys.argv[2])))
    try:
        wsgi.server(listener, application, minimum_chunk_size=1)
    finally:
        if is_patched_by_eventlet():
            announce(os.environ["CONTRACT_SERVER"], "main thread", "ended")
