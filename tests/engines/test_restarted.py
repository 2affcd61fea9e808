"""A broker that is restarted in between: the web process and the worker stay the same ones."""

from __future__ import annotations

from typing import Any

import pytest

from bgtasks_adapters import add_task, drain
from bgtasks_adapters.handoff import Handoff
from tests.engines.conftest import PATIENCE, Listener, Site, Worker
from tests.engines.noted import note
from tests.fates import Fates
from tests.wsgi_server import WsgiExchange, app_of, bounded

ARGUMENTS: Any = [1, "two", None, {"three": [4.5, True, "ü"]}]


def test_a_task_that_is_sent_after_a_restart(
    site: Site, worker: Worker, listener: Listener
) -> None:
    """It runs once, with its arguments, as the one before and the one after it."""
    if site.server is None:
        pytest.skip("its site has no broker")
    fates = Fates()
    # Procrastinate's pool takes some seven seconds to have connections again.
    handoff = Handoff(site.module.task, timeout=PATIENCE)

    def send(word: str) -> None:
        app = app_of(lambda: add_task(note, *ARGUMENTS, word=word))
        WsgiExchange(bounded(app, observers=[fates], handoff=handoff)).run()
        assert drain(PATIENCE), "the task was not handed off in time"

    send("before")
    assert listener.hear()["kwargs"] == {"word": "before"}
    site.server.restart()
    heard = []
    for word in ("after", "later"):  # a second run of one would be heard before the next
        send(word)
        heard.append(listener.hear())
        while heard[-1]["kwargs"]["word"] != word:
            heard.append(listener.hear())
    # The first may not have been acknowledged yet when its broker ended, and is given again then.
    words = [each["kwargs"]["word"] for each in heard]
    assert [word for word in words if word != "before"] == ["after", "later"]
    assert [each["args"] for each in heard] == [ARGUMENTS] * len(heard)
    assert fates.kinds == ["handed_off"] * 3
    assert not worker.has_ended
