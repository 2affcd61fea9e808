"""A Django project whose journal is in its own database, in a process that dies or lives on.

The program is given the settings of its database and what to do, one word.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from django.db import transaction

from bgtasks_adapters import TaskEvent, add_task, get_background_tasks
from tests.asgi_server import AsgiExchange, lifespan_of
from tests.mysql_driver import load_mysql_driver
from tests.programs import FOR_EVER, log_everything, say
from tests.wsgi_server import PATIENCE, WsgiExchange

GRACE_SECONDS = 0.5
LOOK_SECONDS = 0.05

may_end = threading.Event()
ended = threading.Condition()
fates: list[str] = []


def observe(event: TaskEvent) -> None:
    say(event.kind, event.task.name)
    with ended:
        fates.append(event.kind)
        ended.notify_all()


def wait_for_fates(number: int) -> None:
    with ended:
        assert ended.wait_for(lambda: len(fates) >= number, PATIENCE), fates


# Tasks.


def deliver(note_id: int) -> None:
    from tests.django_site.models import Note

    say("delivered", Note.objects.get(pk=note_id).text)


def deliver_and_die(note_id: int) -> None:
    deliver(note_id)
    if os.environ.get("SURVIVES") is None:
        die()


def hold(what: str) -> None:
    say("holding", what)
    may_end.wait(FOR_EVER)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# Views, each in a transaction of its own (ATOMIC_REQUESTS).


def _order(text: str) -> int:
    from tests.django_site.models import Note

    return Note.objects.create(text=text).pk


def _ok() -> Any:
    from django.http import HttpResponse

    return HttpResponse("ok")


def order(request: Any) -> Any:
    add_task(deliver, _order("order"))
    return _ok()


def order_and_die_in_the_task(request: Any) -> Any:
    add_task(deliver_and_die, _order("order"))
    return _ok()


def die_before_the_commit(request: Any) -> Any:
    add_task(deliver, _order("never"))
    die()


def fail_before_the_commit(request: Any) -> Any:
    get_background_tasks().using(when="always", on_commit=True).add_task(deliver, _order("never"))
    raise ValueError


def replace(request: Any) -> Any:
    from bgtasks_adapters.django.journal.keeper import project_journal

    pk = _order("once")
    for _ in range(3):
        get_background_tasks().using(key="one").add_task(deliver, pk)
    project_journal().flush(PATIENCE)  # what is to be deleted already would be by now
    return _ok()


def hold_one(request: Any) -> Any:
    add_task(hold, "alive")
    return _ok()


def nothing(request: Any) -> Any:
    return _ok()


@transaction.non_atomic_requests
async def asynchronous(request: Any) -> Any:
    from asgiref.sync import sync_to_async

    try:
        add_task(hold, "never")
    except Exception as error:
        say(type(error).__name__, error)
    await sync_to_async(add_task)(deliver, 0)
    return _ok()


# The program.


def set_up(database: str) -> None:
    import django
    from django.conf import settings
    from django.urls import path

    config = json.loads(database)
    if config["ENGINE"].endswith("mysql"):
        load_mysql_driver()
    pages: list[Callable[..., Any]] = [
        order,
        order_and_die_in_the_task,
        die_before_the_commit,
        fail_before_the_commit,
        replace,
        hold_one,
        nothing,
        asynchronous,
    ]
    urlpatterns = [path(page.__name__, page) for page in pages]
    settings.configure(
        SECRET_KEY=os.environ.get("KEY", "only for tests"),
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=tuple(urlpatterns),
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "bgtasks_adapters.django",
            "bgtasks_adapters.django.journal",
            "tests.django_site",
        ],
        DATABASES={"default": {**config, "ATOMIC_REQUESTS": True}},
        BGTASKS={"JOURNAL": True, "OBSERVERS": [observe], "HANDLE_SIGTERM": False},
        LOGGING_CONFIG=None,
    )
    log_everything()
    django.setup()
    from bgtasks_adapters import keeping
    from bgtasks_adapters.django.journal import leases

    keeping.LOOK_SECONDS = LOOK_SECONDS
    leases.GRACE_SECONDS = GRACE_SECONDS


def ask(page: str) -> None:
    from bgtasks_adapters.django.wsgi import get_wsgi_application

    exchange = WsgiExchange(get_wsgi_application())
    exchange.environ["PATH_INFO"] = f"/{page}"
    exchange.run()


def serve(database: str, page: str, number: str = "0") -> None:
    """Answer one request, and end when so many tasks have had their fate."""
    set_up(database)
    ask(page)
    wait_for_fates(int(number))
    from bgtasks_adapters.django.journal.keeper import project_journal

    project_journal().flush(PATIENCE)


def serve_asgi(database: str, number: str) -> None:
    """Begin as an ASGI server does, and end when so many tasks have had their fate."""
    set_up(database)
    anyio.run(_serve_asgi, int(number))


async def _serve_asgi(number: int) -> None:
    from bgtasks_adapters.django.asgi import get_asgi_application

    app = get_asgi_application()
    async with lifespan_of(app) as lifespan:
        await lifespan.start_up()
        await anyio.to_thread.run_sync(wait_for_fates, number)
        exchange = AsgiExchange(app, path="/nothing", method="GET", headers=[], query_string=b"")
        await exchange.run()
        say(*[message.get("status") for message in exchange.sent][:1])
        await lifespan.shut_down()


def watch(database: str, page: str) -> None:
    """Answer one request, and look around for longer than a dead process has to be seen dead."""
    set_up(database)
    ask(page)
    threading.Event().wait(3 * GRACE_SECONDS)


def live(database: str, page: str) -> None:
    """Answer one request, and live until the standard input ends."""
    set_up(database)
    ask(page)
    sys.stdin.read()
    os._exit(0)


def manage(database: str, *arguments: str) -> None:
    set_up(database)
    from django.core.management import call_command

    call_command(*arguments)
