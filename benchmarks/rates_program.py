"""One process of ``benchmarks.rates``: an application in a setting, which answers what it is told.

A line on the standard input is a number of responses, each of which adds one task that does
nothing. A line of JSON answers it, once all of those tasks have ended: see ``Taken``. There are
fewer responses if the time for them is over.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple
from wsgiref.util import setup_testing_defaults

from bgtasks_adapters import add_task, drain, stats

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from bgtasks_adapters.keeping import StoredKeeper

LIMIT_SECONDS = 1.0
PATIENCE = 10.0
CELERY_TASK = "run_background_task"


class Taken(NamedTuple):
    """What a number of responses took."""

    responses: int
    seconds: float
    """Until their tasks had ended, and the journal had taken note of it."""
    micros: float
    """Until a client has its response, without what is done behind it; the median."""


def do_nothing() -> None: ...


def serve(setting: str, place: str) -> None:
    """Answer as the setting of that name; the place is its folder, or the address of its broker."""
    application, journal = SETTINGS[setting](place)
    for line in sys.stdin:
        print(json.dumps(_take(application, journal, int(line))), flush=True)


def _take(application: WSGIApplication, journal: StoredKeeper | None, responses: int) -> Taken:
    ended_before = _ended()
    started = perf_counter()
    micros: list[float] = []
    while len(micros) < responses and perf_counter() - started < LIMIT_SECONDS:
        micros.append(_answer(application))
    has_drained = drain(PATIENCE)
    if journal is not None:
        journal.flush(PATIENCE)
    seconds = perf_counter() - started
    ended = _ended() - ended_before
    if not has_drained or ended != len(micros):
        raise AssertionError(f"{ended} of {len(micros)} tasks ended: {stats()}")
    if journal is not None:
        owners = (None, journal.take_lease())  # others' are still at theirs
        left = [row for row in journal.store.all_rows() if row.owner in owners]
        if left:
            raise AssertionError(f"{len(left)} entries of {len(micros)} were left: {left[0]}")
    return Taken(len(micros), seconds, median(micros))


def _ended() -> int:
    return stats().succeeded + stats().handed_off


def _answer(application: WSGIApplication) -> float:
    environ: dict[str, Any] = {"QUERY_STRING": ""}
    setup_testing_defaults(environ)
    started = perf_counter()
    body: Iterable[bytes] = application(environ, _start_response)
    b"".join(body)
    micros = (perf_counter() - started) * 1e6
    close: Callable[[], object] | None = getattr(body, "close", None)
    if close is not None:
        close()
    return micros


def _start_response(
    status: str, headers: list[tuple[str, str]], exc_info: object = None, /
) -> Callable[[bytes], object]:
    if not status.startswith("200"):
        raise AssertionError(f"The application answers {status}")
    return bytes


# The settings.


def _flask(journal: StoredKeeper | None = None, **settings: Any) -> Served:
    from flask import Flask

    from bgtasks_adapters.flask import init_app

    app = Flask(__name__)
    init_app(app, journal=journal, **settings)

    def view() -> str:
        add_task(do_nothing)
        return "ok"

    app.add_url_rule("/", view_func=view)
    return app, journal


def _journalled(folder: str, synchronous: Any) -> Served:
    from bgtasks_adapters.journal import Journal

    return _flask(Journal(Path(folder) / "tasks.sqlite3", synchronous=synchronous))


def _django(folder: str, *, has_journal: bool) -> Served:
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def view(request: HttpRequest) -> HttpResponse:
        from tests.django_site.models import Note

        Note.objects.create(text="note")
        add_task(do_nothing)
        return HttpResponse("ok")

    settings.configure(
        SECRET_KEY="only for measurements",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(path("", view),),
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "bgtasks_adapters.django",
            "bgtasks_adapters.django.journal",
            "tests.django_site",
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": Path(folder) / "db.sqlite3",
                "ATOMIC_REQUESTS": True,
                "CONN_MAX_AGE": None,
                "OPTIONS": {"init_command": "PRAGMA journal_mode = WAL"},
            }
        },
        BGTASKS={"JOURNAL": True} if has_journal else {},
        LOGGING_CONFIG=None,
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from bgtasks_adapters.django.journal.keeper import project_journal
    from bgtasks_adapters.django.wsgi import get_wsgi_application

    return get_wsgi_application(), project_journal() if has_journal else None


def celery_app(broker: str) -> Any:
    """Return Celery with the one task that runs what is handed off."""
    from celery import Celery

    app = Celery("rates", broker=broker)
    app.task(_run, name=CELERY_TASK)
    return app


def _run(path: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    from bgtasks_adapters import handoff

    handoff.run(path, args, kwargs)


def _handing_off(broker: str) -> Served:
    from bgtasks_adapters.handoff import Handoff

    return _flask(handoff=Handoff(celery_app(broker).tasks[CELERY_TASK]))


def work_for_celery(broker: str) -> None:
    """Be Celery's worker, until a signal ends it."""
    celery_app(broker).worker_main(["--quiet", "worker", "--pool=prefork", "--concurrency=2"])


Served = tuple["WSGIApplication", "StoredKeeper | None"]
SETTINGS: dict[str, Callable[[str], Served]] = {
    "threads": lambda folder: _flask(),
    "normal": lambda folder: _journalled(folder, "NORMAL"),
    "full": lambda folder: _journalled(folder, "FULL"),
    "django": lambda folder: _django(folder, has_journal=False),
    "django-journal": lambda folder: _django(folder, has_journal=True),
    "celery": _handing_off,
}
