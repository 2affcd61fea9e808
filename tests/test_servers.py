"""What is logged at start: the server, its kind of worker, how it drains; a warning if it loses."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bgtasks_adapters.contract.running import RunningServer
from bgtasks_adapters.contract.servers import Server

from .programs import at_start, run

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
WSGI = "tests.programs.served_wsgi:application"
ASGI = "tests.programs.served_asgi:application"
ROUTER = "tests.programs.served_asgi:router"

AT_THE_END = "The end of a process waits up to 20 s for them."
AT_SIGTERM = "SIGTERM is made an orderly end, which waits up to 20 s for them."
IN_LIFESPAN = "The shutdown of its lifespan waits up to 20 s for them."
IN_REQUESTS = "A request waits for its own, and the end of the process for all."

GUNICORN = "-m gunicorn --bind=127.0.0.1:{port} --no-control-socket {app}"
UVICORN = "-m uvicorn --port={port} --http=h11 {app}"
HYPERCORN = "-m hypercorn --bind=127.0.0.1:{port} {app}"
GRANIAN = "-m granian --port={port} {app}"
DAPHNE = "-m daphne --bind=127.0.0.1 --port={port} {app}"
WAITRESS = "-m waitress --listen=127.0.0.1:{port} {app}"
RUNSERVER = "-m django runserver 127.0.0.1:{port}"
FLASK = "-m flask --app=tests.programs.served_flask {debug} run --port={port}"
SCRIPTED = "-m tests.programs.scripted"
UWSGI = (
    shlex.quote(str(Path(sysconfig.get_path("scripts"), "uwsgi")))
    + " --http-socket=127.0.0.1:{port} --module={app}"
)
GRACEFULLY = " --master --hook-master-start='unix_signal:15 gracefully_kill_them_all'"
DJANGO = {"DJANGO_SETTINGS_MODULE": "tests.programs.served_django"}


@dataclass(frozen=True)
class Case:
    """A server in one configuration, and what has to be said of it."""

    command: str
    says: str
    """The server, and in parentheses the kind of its worker."""

    drains: str
    app: str = WSGI
    requires: str = ""
    """A module, if it is not that of the command."""

    is_optional: bool = False
    """Whether it needs more than a wheel to be installed."""

    loses: str = ""
    """Words of the warning; without, there must be none."""

    settings: dict[str, Any] = field(default_factory=dict, hash=False)
    environment: dict[str, str] = field(default_factory=dict, hash=False)


CASES = {
    "gunicorn-sync": Case(GUNICORN, "gunicorn (worker sync)", AT_THE_END),
    "gunicorn-gthread": Case(GUNICORN + " --threads=2", "gunicorn (worker gthread)", AT_THE_END),
    "gunicorn-preload": Case(
        GUNICORN + " --preload --workers=2", "gunicorn (worker sync)", AT_THE_END
    ),
    "gunicorn-gevent": Case(
        GUNICORN + " --worker-class=gevent", "gunicorn (worker gevent)", AT_THE_END, WSGI, "gevent"
    ),
    "gunicorn-asgi": Case(
        GUNICORN + " --worker-class=asgi", "gunicorn (worker asgi)", IN_LIFESPAN, ASGI
    ),
    "gunicorn-uvicorn": Case(
        GUNICORN + " --worker-class=uvicorn_worker.UvicornWorker",
        "gunicorn (worker UvicornWorker)",
        IN_LIFESPAN,
        ASGI,
        "uvicorn_worker",
    ),
    "gunicorn-impatient": Case(
        GUNICORN + " --graceful-timeout=20",
        "gunicorn (worker sync)",
        AT_THE_END,
        loses="kills its workers 20 s after SIGTERM, and with them what runs: give "
        "--graceful-timeout more than the 20 s of shutdown_timeout",
    ),
    "gunicorn-patient": Case(
        GUNICORN + " --graceful-timeout=6",
        "gunicorn (worker sync)",
        AT_THE_END.replace("20 s", "5 s"),
        settings={"shutdown_timeout": 5},
    ),
    "uvicorn": Case(UVICORN, "uvicorn (h11)", IN_LIFESPAN, ASGI),
    "uvicorn-reload": Case(UVICORN + " --reload", "uvicorn (h11, reload)", IN_LIFESPAN, ASGI),
    "uvicorn-no-lifespan": Case(UVICORN + " --lifespan=off", "uvicorn (h11)", IN_REQUESTS, ASGI),
    "uvicorn-wsgi": Case(
        UVICORN + " --interface=wsgi --reload",
        "uvicorn (h11, reload)",
        AT_THE_END,
        WSGI,
        "a2wsgi",
        loses="of which a WSGI application gets nothing",
    ),
    "uvicorn-django-middleware": Case(
        UVICORN,
        "uvicorn (h11)",
        AT_THE_END,
        "tests.programs.served_django_asgi:application",
        environment=DJANGO,
        loses="only the middleware is installed",
    ),
    "hypercorn-asyncio": Case(HYPERCORN, "hypercorn (worker asyncio)", IN_LIFESPAN, ASGI),
    "hypercorn-trio": Case(
        HYPERCORN + " --worker-class=trio", "hypercorn (worker trio)", IN_LIFESPAN, ASGI
    ),
    "hypercorn-router": Case(
        HYPERCORN,
        "hypercorn (worker asyncio)",
        IN_REQUESTS,
        ROUTER,
        loses="no lifespan comes to this library",
    ),
    "hypercorn-impatient": Case(
        HYPERCORN,
        "hypercorn (worker asyncio)",
        IN_LIFESPAN.replace("20 s", "70 s"),
        ASGI,
        settings={"shutdown_timeout": 70},
        loses="ends the lifespan's shutdown behind 60 s",
    ),
    "daphne": Case(DAPHNE, "daphne (Twisted)", IN_REQUESTS, ASGI),
    "granian-asgi": Case(GRANIAN + " --interface=asgi", "granian (1 worker)", IN_LIFESPAN, ASGI),
    "granian-router": Case(
        GRANIAN + " --interface=asgi", "granian (1 worker)", IN_REQUESTS, ROUTER
    ),
    "gunicorn-asgi-router": Case(
        GUNICORN + " --worker-class=asgi",
        "gunicorn (worker asgi)",
        IN_REQUESTS,
        ROUTER,
        loses="no lifespan comes to this library",
    ),
    "granian-wsgi": Case(GRANIAN + " --interface=wsgi", "granian (1 worker)", AT_THE_END),
    "granian-impatient": Case(
        GRANIAN + " --interface=wsgi --workers-kill-timeout=9",
        "granian (1 worker)",
        AT_THE_END,
        loses="--workers-kill-timeout more than the 20 s",
    ),
    "waitress": Case(WAITRESS, "waitress (threads)", AT_SIGTERM),
    "waitress-unhandled": Case(
        WAITRESS,
        "waitress (threads)",
        AT_THE_END,
        settings={"handle_sigterm": False},
        loses="SIGTERM kills this process at once",
    ),
    "waitress-inline": Case(
        WAITRESS,
        "waitress (threads)",
        "They run within the request.",
        settings={"handle_sigterm": False, "executor": "inline"},
    ),
    "cheroot": Case("-m cheroot --bind=127.0.0.1:{port} {app}", "cheroot (threads)", AT_SIGTERM),
    "cheroot-script": Case(
        SCRIPTED + " cheroot {port}", "cheroot (threads)", AT_SIGTERM, requires="cheroot"
    ),
    "wsgiref": Case(SCRIPTED + " wsgiref {port}", "wsgiref (one thread)", AT_SIGTERM),
    "bjoern": Case(
        SCRIPTED + " bjoern {port}",
        "bjoern (one thread)",
        AT_SIGTERM,
        requires="bjoern",
        is_optional=True,
    ),
    "bjoern-unprepared": Case(
        SCRIPTED + " bjoern-unprepared {port}",
        "bjoern (one thread)",
        AT_SIGTERM,
        requires="bjoern",
        is_optional=True,
        loses="turn SIGTERM into SIGINT",
    ),
    "gevent.pywsgi": Case(
        SCRIPTED + " gevent.pywsgi {port}",
        "gevent.pywsgi (greenlets)",
        AT_SIGTERM,
        requires="gevent",
    ),
    "werkzeug": Case(SCRIPTED + " werkzeug {port}", "Werkzeug's development server", AT_SIGTERM),
    "flask-run": Case(FLASK.replace("{debug}", ""), "Werkzeug's development server", AT_SIGTERM),
    "flask-run-debug": Case(
        FLASK.replace("{debug}", "--debug"),
        "Werkzeug's development server (with its reloader)",
        AT_SIGTERM,
        loses="its reloader kills this process",
    ),
    "runserver": Case(
        RUNSERVER + " --noreload", "Django's runserver", AT_SIGTERM, environment=DJANGO
    ),
    "runserver-reloader": Case(
        RUNSERVER,
        "Django's runserver (with its reloader)",
        AT_SIGTERM,
        environment=DJANGO,
        loses="its reloader kills this process",
    ),
    "uwsgi": Case(
        UWSGI + GRACEFULLY, "uWSGI (1 process of 1 thread)", AT_THE_END, requires="pyuwsgi"
    ),
    "uwsgi-threads": Case(
        UWSGI + GRACEFULLY + " --processes=2 --threads=3",
        "uWSGI (2 processes of 3 threads)",
        AT_THE_END,
        requires="pyuwsgi",
    ),
    "uwsgi-die-on-term": Case(
        UWSGI + " --master --die-on-term",
        "uWSGI (1 process of 1 thread)",
        AT_THE_END,
        requires="pyuwsgi",
        loses="give it --master and --hook-master-start",
    ),
    "uwsgi-no-master": Case(
        UWSGI + GRACEFULLY.replace("--master ", ""),
        "uWSGI (1 process of 1 thread)",
        AT_THE_END,
        requires="pyuwsgi",
        loses="give it --master and --hook-master-start",
    ),
    "uwsgi-no-atexit": Case(
        UWSGI + GRACEFULLY + " --skip-atexit",
        "uWSGI (1 process of 1 thread)",
        AT_THE_END,
        requires="pyuwsgi",
        loses="--skip-atexit ends workers without waiting",
    ),
    "uwsgi-impatient": Case(
        UWSGI + GRACEFULLY + " --worker-reload-mercy=7",
        "uWSGI (1 process of 1 thread)",
        AT_THE_END,
        requires="pyuwsgi",
        loses="kills workers behind 7 s",
    ),
}

Start = Callable[[Case], RunningServer]


@pytest.fixture
def start(tmp_path: Path, give_up: Callable[[str], None]) -> Any:
    started: list[RunningServer] = []

    def start(case: Case) -> RunningServer:
        module = case.requires or shlex.split(case.command)[1].partition(".")[0]
        if importlib.util.find_spec(module) is None:
            if case.is_optional:
                pytest.skip(f"{module} is not installed")
            give_up(f"{module} is not installed")
        interface: Any = "wsgi" if case.app == WSGI else "asgi"
        command = Server(
            "case",
            interface,
            (module,),
            lambda app, port: shlex.split(case.command.format(app=app, port=port)),
        )
        environment = {
            "PYTHONPATH": str(ROOT),
            "SERVED_SETTINGS": json.dumps(case.settings),
            **case.environment,
        }
        server = RunningServer(command, case.app, environment, tmp_path / "output")
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


def ask(server: RunningServer, path: str = "/") -> None:
    with server.connect() as connection:
        connection.ask(path)


def said(output: str) -> list[tuple[str, str]]:
    """Return the level and the text of what was logged about servers."""
    return re.findall(r"(INFO|WARNING) +(Tasks run after .*)", output)


@pytest.mark.parametrize("name", CASES)
def test_one_line_says_what_was_found(name: str, start: Start) -> None:
    """With its first response at the latest, one record tells the server, and what it loses."""
    case = CASES[name]
    server = start(case)
    ask(server)
    ask(server)
    found = said(server.output)
    assert len(found) == 1, server.output
    level, text = found[0]
    assert text.startswith(f"Tasks run after the responses of {case.says}. {case.drains}"), text
    assert level == ("WARNING" if case.loses else "INFO"), text
    assert ("Tasks can be lost here" in text) == bool(case.loses), text
    assert case.loses in text


@pytest.mark.parametrize("name", ["daphne", "uvicorn", "waitress"])
def test_it_is_said_at_start(name: str, start: Start) -> None:
    """A server that listens when all is loaded has told by then, before any request."""
    assert len(said(start(CASES[name]).output)) == 1


def test_each_worker_says_it(start: Start) -> None:
    """Where workers load the application by themselves, each has its line, and none has two."""
    server = start(Case(UVICORN + " --workers=2", "", "", ASGI))
    ask(server)
    server.stop()
    found = said(server.output)
    assert len(found) == 2, server.output
    assert all("uvicorn (h11, 2 workers)" in text for _, text in found)


@pytest.mark.parametrize(
    ("options", "is_warned"),
    [("", True), (" --die-on-term", True), (" --master --die-on-term", True), (GRACEFULLY, False)],
)
def test_uwsgi_does_as_it_is_said(options: str, is_warned: bool, start: Start) -> None:
    """A task ends behind a SIGTERM in the midst of a request, unless a warning has told of it."""
    server = start(Case(UWSGI + options, "", "", requires="pyuwsgi"))
    ask(server, "/task")
    ask(server, "/started")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(b"POST /half HTTP/1.0\r\nContent-Length: 1\r\n\r\n")
        received = b""
        while b"half" not in received:
            received += client.recv(4096)
        server.send_sigterm()
        if not is_warned:
            client.sendall(b"x")
        server.wait_for_exit()
    ((level, _),) = said(server.output)
    assert level == ("WARNING" if is_warned else "INFO")
    assert ("the task ended" in server.output) is not is_warned, server.output


def test_uwsgi_without_threads_is_a_warning() -> None:
    """Where uWSGI runs without threads, the start says that it needs --enable-threads."""
    ((level, text),) = said(run(at_start.pretend_to_be_in_an_old_uwsgi, "0").log)
    assert level == "WARNING"
    assert "its threads are off" in text
    assert "--enable-threads" in text
    ((level, _),) = said(run(at_start.pretend_to_be_in_an_old_uwsgi, "1").log)
    assert level == "INFO"


def test_an_unknown_server_is_told_as_such() -> None:
    """A server that is not known gets a line, too, and only one."""
    ((level, text),) = said(run(at_start.serve_without_a_server).log)
    assert level == "INFO"
    assert text == f"Tasks run after the responses of an unknown server. {AT_SIGTERM}"


def test_a_strange_caller_is_no_error() -> None:
    """Code whose module has no proper name may call the application."""
    ended = run(at_start.serve_from_a_nameless_module)
    assert ended.status == 0, ended
    assert len(said(ended.log)) == 1


@pytest.mark.parametrize("program", [at_start.only_make, at_start.use_a_test_client])
def test_nothing_is_said_where_nothing_is_served(program: Callable[[], None]) -> None:
    """A process that only imports the application, or tests it, logs no line about servers."""
    ended = run(program)
    assert ended.status == 0, ended
    assert said(ended.log) == []


def test_a_management_command_says_nothing() -> None:
    """`manage.py check` imports the application and logs no line about servers."""
    ended = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy"],
        cwd=ROOT,
        env={**os.environ, **DJANGO, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert said(ended.stderr + ended.stdout) == []
