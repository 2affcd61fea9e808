"""A program whose server drops responses without ending them."""

from __future__ import annotations

import os

from bgtasks_adapters import add_task, drain
from tests.programs import PATIENCE, log_everything, say
from tests.wsgi_server import WsgiExchange, app_of, bounded


def _drop(number: int) -> None:
    app = bounded(app_of(lambda: add_task(say, "ran", number)))
    WsgiExchange(app).call().read()
    assert drain(PATIENCE)


def drop_responses() -> None:
    """Drop three responses here, and then two in a forked child."""
    log_everything()
    for number in range(3):
        _drop(number)
    child = os.fork()
    if child == 0:
        for number in range(3, 5):
            _drop(number)
        os._exit(0)
    os.waitpid(child, 0)
