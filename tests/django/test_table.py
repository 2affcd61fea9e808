"""The table in docs/django.md says what happens: every cell of it is tried here."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections

from bgtasks_adapters import NoActiveResponseError, abandoned, drain
from tests.django_site.views import meeting

from .exchange import PATIENCE
from .installations import INSTALLATIONS, Installation, installed
from .recorder import Recorder
from .situations import SITUATIONS, Trial, View

PAGE = Path(__file__).resolve().parents[2] / "docs" / "django.md"
TABLE = re.compile(r"^\| what happens \|.*\n\|[-| ]+\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)


def parse_table() -> dict[str, dict[Installation, str]]:
    """Return the page's table: for each situation, what each installation gives."""
    table = TABLE.search(PAGE.read_text())
    assert table is not None
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in table["rows"].splitlines()
    ]
    return {name: dict(zip(INSTALLATIONS, cells, strict=True)) for name, *cells in rows}


EXPECTED = parse_table()


class Warnings(logging.Handler):
    """Keep the messages of one logger, without the records, which may hold a request."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    handler = Warnings()
    abandoned._said.clear()  # what is said once in a process, to be seen in each situation
    logger = logging.getLogger("bgtasks_adapters")
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


@contextmanager
def atomic_requests(is_atomic: bool) -> Iterator[None]:
    settings = connections.settings["default"]
    previous, settings["ATOMIC_REQUESTS"] = settings["ATOMIC_REQUESTS"], is_atomic
    try:
        yield
    finally:
        settings["ATOMIC_REQUESTS"] = previous


def what_happens(installation: Installation, trial: Trial, view: View) -> str:
    """Make the situation; return what became of the tasks, in the words of the table."""
    recorder = Recorder()
    meeting.reset()
    path = f"/{'decorated/' if installation == 'decorator' else ''}{view}/{trial.shape}"
    is_refused = False
    with (
        collected_warnings() as warnings,
        atomic_requests(trial.is_atomic),
        installed(
            installation, trial.interface, middleware=trial.middleware, OBSERVERS=[recorder]
        ) as app,
    ):
        try:
            trial.send(app, path)
        except NoActiveResponseError:
            is_refused = True
        assert drain(PATIENCE)
        if len(recorder.fates) < 2 or "leaving" in trial.how:
            gc.collect()
            assert drain(PATIENCE)
    kinds = {fate.kind for fate in recorder.fates}
    assert {"def_task", "async_task"} <= {fate.name for fate in recorder.fates}
    assert len(kinds) == 1, recorder.fates
    if is_refused:
        return "refused"
    if kinds == {"skipped"}:
        return "skipped"
    assert kinds == {"succeeded"}, recorder.fates
    return "run late" if any("dropped without being closed" in w for w in warnings) else "run"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("production")
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile:ResourceWarning")  # Django's, to 6.0
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous:Warning")
@pytest.mark.parametrize("installation", INSTALLATIONS)
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_page_says_what_happens(name: str, installation: Installation) -> None:
    """Under WSGI and ASGI, from def and async def views, for def and async def tasks alike."""
    found = {
        f"{trial.interface} {view} {trial.shape} {number}": what_happens(installation, trial, view)
        for number, trial in enumerate(SITUATIONS[name])
        for view in trial.views
    }
    assert found == dict.fromkeys(found, EXPECTED[name][installation])


def test_the_page_names_the_situations_that_are_tried() -> None:
    """The table has one row for every situation, and no other."""
    assert list(EXPECTED) == list(SITUATIONS)
