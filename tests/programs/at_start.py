"""Programs that make or call an application without a server that is one of the known."""

from __future__ import annotations

import sys
import types

from bgtasks_adapters.wsgi import BackgroundTasksMiddleware
from tests.programs import log_everything, say
from tests.wsgi_server import WsgiExchange, app_of


def _application() -> BackgroundTasksMiddleware:
    return BackgroundTasksMiddleware(app_of(lambda: None))


def only_make() -> None:
    """Import an application, as a management command does."""
    log_everything()
    _application()
    say("made")


def serve_without_a_server() -> None:
    """Call the application twice, as a server would that nobody knows."""
    log_everything()
    application = _application()
    for _ in range(2):
        WsgiExchange(application).run()


def serve_from_a_nameless_module() -> None:
    """Call the application from code whose module has a number for its name."""
    log_everything()
    names = {"__name__": 7, "serve": WsgiExchange(_application()).run}
    exec("serve()", names)


def use_a_test_client() -> None:
    """Call the application from a framework's test client."""
    from werkzeug.test import Client

    log_everything()
    Client(_application()).get("/")


def pretend_to_be_in_an_old_uwsgi(has_threads: str) -> None:
    """Make the application where there is the module that uWSGI makes.

    A newer one cannot be started without threads, and an older one has no wheel for every
    Python: so this is the one server that is not the real one.
    """
    log_everything()
    uwsgi = types.ModuleType("uwsgi")
    uwsgi.__dict__.update(
        opt={
            "master": b"true",
            "hook-master-start": [b"unix_signal:15 gracefully_kill_them_all", b"print:up"],
        },
        has_threads=int(has_threads),
        numproc=1,
        cores=1,
    )
    sys.modules["uwsgi"] = uwsgi
    _application()
