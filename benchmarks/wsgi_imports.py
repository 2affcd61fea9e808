"""A program: a WSGI application that runs a ``def`` task, then one that is ``async def``.

Prints, a line each, which of the modules given as arguments were imported by then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

from bgtasks_adapters import add_task, drain
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware


def main() -> None:
    for function in (_do_nothing, _do_nothing_async):
        _answer_with(function)
        drain()
        print(*[name for name in sys.argv[1:] if name in sys.modules])


def _do_nothing() -> None:
    pass


async def _do_nothing_async() -> None:
    pass


def _answer_with(function: Callable[[], object]) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        add_task(function)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    served: Any = BackgroundTasksMiddleware(application)
    served(environ, lambda *head: None).close()


if __name__ == "__main__":
    main()
