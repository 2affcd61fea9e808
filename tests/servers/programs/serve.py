"""Start a server that has no command of its own, as its documentation does: SERVER PORT."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def main(server: str, port: int) -> None:
    match server:
        case "gevent.pywsgi":
            from gevent import monkey

            monkey.patch_all()
            from gevent.pywsgi import WSGIServer

            WSGIServer(("127.0.0.1", port), _application()).serve_forever()
        case "eventlet":
            os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")  # with httpx2 it would load trio
            import eventlet

            eventlet.monkey_patch()
            from eventlet import wsgi

            wsgi.server(eventlet.listen(("127.0.0.1", port)), _application())
        case "wsgiref":
            from wsgiref.simple_server import make_server

            with make_server("127.0.0.1", port, _application()) as httpd:
                httpd.serve_forever()
        case "werkzeug":
            from werkzeug.serving import run_simple

            run_simple("127.0.0.1", port, _application(), threaded=True)
        case "cheroot":
            from cheroot.wsgi import Server

            cheroot = Server(("127.0.0.1", port), _application())
            try:
                cheroot.start()
            finally:
                cheroot.stop()
        case "bjoern" | "bjoern-unprepared":
            import signal
            from importlib import import_module

            bjoern = import_module("bjoern")  # seldom installed, and without types

            # It ends in good order at SIGINT only; an exception from a handler would crash it.
            if server == "bjoern":
                signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
            bjoern.run(_application(), "127.0.0.1", port)
        case _:
            raise SystemExit(f"unknown server {server}")


def _application() -> WSGIApplication:
    # Behind the patching, where there is one.
    from tests.servers.programs.applications import wsgi

    return wsgi


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
