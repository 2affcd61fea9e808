"""The doctor, run as its user runs it, on real servers: what it finds, says, and returns."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bgtasks_adapters.contract.running import free_port
from bgtasks_adapters.doctor.columns import COLUMNS
from bgtasks_adapters.doctor.ending import SIGTERM_COLUMN

from .conftest import APPLICATIONS, DJANGO, StartServer, Visit, gunicorn, python, uvicorn

Doctor = Callable[..., Visit]
OWN = "tests.doctor.applications"


def test_a_healthy_command(doctor: Doctor) -> None:
    """A good server gets a table of all columns, progress meanwhile, and the exit status 0."""
    visit = doctor("--", *gunicorn(f"{APPLICATIONS}:wsgi"))
    assert visit.status == 0, visit.errors
    for column in (*(column.name for column in COLUMNS), SIGTERM_COLUMN):
        assert f"\n{column} " in visit.output
        assert f": {column}\n" in visit.errors
    assert "held" not in visit.output.replace("No client was held", "")
    assert visit.output.rstrip().endswith("No client was held, and no task was lost.")


def test_json(doctor: Doctor) -> None:
    """With --json the findings are printed for programs, and nothing else is."""
    visit = doctor("--json", "--", *uvicorn(f"{APPLICATIONS}:asgi"))
    assert visit.status == 0, visit.errors
    found = json.loads(visit.output)
    assert found["is_healthy"] is True
    assert found["server"]["interface"] == "asgi"
    words = {(each["column"], each["kind"]): each["word"] for each in found["findings"]}
    assert words[("Content-Length", "def")] == "free"
    assert words[(SIGTERM_COLUMN, "async")] == "finished"
    assert len(words) == 2 * (len(COLUMNS) + 1)


def test_a_client_that_is_held(doctor: Doctor) -> None:
    """Clients that wait for tasks are found, with what to do about it, and the exit status is 1."""
    visit = doctor("--hold", "1", "--", *gunicorn(f"{OWN}:inline"))
    assert visit.status == 1, visit.errors
    (line,) = [line for line in visit.output.splitlines() if "HTTP/1.0, unknown" in line]
    assert line.split() == ["HTTP/1.0,", "unknown", "length", "held", "held", "!"]
    assert 'executor="inline" runs tasks within the request: remove that setting.' in visit.output


def test_tasks_that_are_lost(doctor: Doctor) -> None:
    """Tasks that never run are found, with what to do about it."""
    visit = doctor("--hold", "1", "--", *gunicorn(f"{OWN}:never_closing"))
    assert visit.status == 1, visit.errors
    (line,) = [line for line in visit.output.splitlines() if line.startswith("Content-Length")]
    assert line.split() == ["Content-Length", "lost", "lost", "!"]
    assert "put the asgi or wsgi middleware around the application" in visit.output
    assert "HEAD" not in visit.output, "where no task ever runs, that is all there is to say"


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_django_with_the_middleware_alone(doctor: Doctor, interface: str) -> None:
    """Django's own entry points with the middleware inside are measured, too."""
    if interface == "wsgi":
        arguments = gunicorn("django.core.wsgi:get_wsgi_application()")
    else:
        arguments = uvicorn("django.core.asgi:get_asgi_application", "--factory")
    visit = doctor("--hold", "1", "--json", "--", *arguments, **DJANGO)
    found = json.loads(visit.output)
    assert found["server"]["interface"] == "django"
    words = {(each["column"], each["kind"]): each["word"] for each in found["findings"]}
    for column in COLUMNS[:10]:
        assert words[(column.name, "def")] == "free", column.name


def test_a_server_by_its_url(doctor: Doctor, start_server: StartServer) -> None:
    """A server that runs is measured by its URL, with its token, and left running."""
    arguments = gunicorn(f"{APPLICATIONS}:wsgi")
    command, port = start_server(arguments, BGTASKS_DOCTOR_TOKEN="T")
    visit = doctor("--url", f"http://127.0.0.1:{port}/", "--token", "T")
    assert visit.status == 0, visit.errors
    assert "\nnext request " in visit.output
    assert SIGTERM_COLUMN not in visit.output
    assert command.wait(0) is None


def says(visit: Visit, *words: str) -> None:
    """Hold that the doctor could not measure, and said why in one sentence, without a traceback."""
    assert visit.status == 2, visit.output + visit.errors
    assert visit.output == ""
    assert visit.errors.startswith("doctor: ")
    assert "Traceback" not in visit.errors.partition("It printed:")[0]
    for word in words:
        assert word in visit.errors


def test_no_such_command(doctor: Doctor) -> None:
    """A command that does not exist is named."""
    says(doctor("--", "no-such-server", "app:app"), "no-such-server cannot be started")


def test_a_command_that_ends(doctor: Doctor) -> None:
    """A command that ends before it listens is named, with its status and what it printed."""
    says(
        doctor("--", *python("-c", "print('out of order'); raise SystemExit(3)")),
        "ended with status 3 and never listened",
        "out of order",
    )


def test_a_server_that_never_listens(doctor: Doctor) -> None:
    """A command that listens on no port is named, with what to do."""
    says(
        doctor("--start-timeout", "1", "--", "tail", "-f", "/dev/null"),
        "tail -f /dev/null listens on no TCP port after 1 s",
    )


def test_an_application_without_the_middleware(doctor: Doctor) -> None:
    """An application that has no middleware of this library is told from one that has."""
    says(doctor("--", *gunicorn(f"{OWN}:bare")), "did not come from this library", "middleware")


def test_a_wrong_token(doctor: Doctor, start_server: StartServer) -> None:
    """A token that is not the server's is refused, and the doctor says so."""
    _, port = start_server(gunicorn(f"{APPLICATIONS}:wsgi"), BGTASKS_DOCTOR_TOKEN="T")
    url = f"http://127.0.0.1:{port}/"
    says(doctor("--url", url, "--token", "U"), "the token is not that of this server")
    says(doctor("--url", url), "--url needs --token")


def test_a_refused_connection(doctor: Doctor) -> None:
    """A URL where nothing listens is named."""
    port = free_port()
    says(
        doctor("--url", f"http://127.0.0.1:{port}/", "--token", "T"),
        f"Nothing listens at 127.0.0.1:{port}: the connection was refused",
    )


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://127.0.0.1:port/", "shop"])
def test_a_bad_url(doctor: Doctor, url: str) -> None:
    """What is no URL of a server is named, with what one looks like."""
    says(doctor("--url", url, "--token", "T"), f"--url {url} is no address", "http://host:port/")


def test_nothing_to_measure(doctor: Doctor) -> None:
    """Without a command and without a URL, the doctor says how it is called."""
    says(doctor(), "doctor -- COMMAND", "doctor --url URL --token TOKEN")
    says(doctor("--url", "http://127.0.0.1/", "--", "gunicorn"), "use one of them")
