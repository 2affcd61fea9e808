"""Probing is off unless a token is set, and open to nobody without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bgtasks_adapters.doctor.client import Address, Connection, Response
from bgtasks_adapters.doctor.command import Command
from bgtasks_adapters.doctor.target import DoctorError
from bgtasks_adapters.probes import MARK_HEADER, PROBE_HEADER, TOKEN_HEADER, Probe

from .conftest import APPLICATIONS, DJANGO, ROOT, StartServer, gunicorn, target_at, uvicorn

SERVERS = {
    "wsgi": (gunicorn(f"{APPLICATIONS}:wsgi"), {}),
    "asgi": (uvicorn(f"{APPLICATIONS}:asgi"), {}),
    "django-wsgi": (gunicorn("django.core.wsgi:get_wsgi_application()"), DJANGO),
    "django-asgi": (uvicorn("django.core.asgi:get_asgi_application", "--factory"), DJANGO),
}
"""Every place that answers probes."""

PAGES = ("hello", "notes", "release", "length", "large", "file", "raising")


def ask(port: int, **headers: str) -> Response:
    with Connection(Address("127.0.0.1", port)) as connection:
        return connection.ask(
            "/", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )


@pytest.mark.parametrize("server", SERVERS)
def test_without_a_token_nothing_answers(start_server: StartServer, server: str) -> None:
    """Where the environment has no token, every probe goes to the application, whatever it says."""
    arguments, environment = SERVERS[server]
    _, port = start_server(arguments, BGTASKS_DOCTOR_TOKEN="", **environment)
    plain = ask(port)
    for token in ("", "T", "None"):
        for page in PAGES:
            probe = str(Probe(page, "a1", "def"))
            answer = ask(port, **{TOKEN_HEADER: token, PROBE_HEADER: probe})
            assert MARK_HEADER.lower() not in answer.headers
            assert (answer.status, answer.body) == (plain.status, plain.body)


@pytest.mark.parametrize("server", SERVERS)
def test_with_a_token_only_who_has_it_is_answered(start_server: StartServer, server: str) -> None:
    """Who brings the token is answered; who brings another is refused, and learns nothing."""
    arguments, environment = SERVERS[server]
    _, port = start_server(arguments, BGTASKS_DOCTOR_TOKEN="right", **environment)
    assert target_at(port, "right").hello()["interface"] == server.partition("-")[0]
    for token in ("wrong", "righ", "rightt", ""):
        with pytest.raises(DoctorError, match="the token is not that of this server"):
            target_at(port, token).hello()
    assert MARK_HEADER.lower() not in ask(port).headers


@pytest.mark.parametrize(
    ("probe", "problem"),
    [
        ("", "is not understood"),
        ("page=nowhere; visit=a1", "page=nowhere is unknown"),
        ("page=length; visit=a1; hold=long", "is not understood"),
        ("page=length; visit=a1; waiting=100000", "is not understood"),
        ("page=length; visit=a1; colour=red", "is not understood"),
        ("page=length; visit=a1; when=sometimes", "when='sometimes' is unknown"),
        ("page=pausing", "visit='' is not valid"),
        ("page=notes; visit=../../etc/passwd", "visit='../../etc/passwd' is not valid"),
        ("page=length; visit=" + 65 * "a", "is not valid"),
    ],
)
@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_a_probe_that_cannot_be_answered(
    start_server: StartServer, server: str, probe: str, problem: str
) -> None:
    """What is no probe is answered with a sentence that says so, and leaves the server alone."""
    arguments, environment = SERVERS[server]
    _, port = start_server(arguments, BGTASKS_DOCTOR_TOKEN="T", **environment)
    answer = ask(port, **{TOKEN_HEADER: "T", PROBE_HEADER: probe})
    assert answer.status == 400
    assert problem in answer.body.decode()
    assert target_at(port, "T").hello()


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_a_page_that_is_unknown_starts_no_task(start_server: StartServer, server: str) -> None:
    """A probe that is refused adds nothing: the first task to note something is the next one's."""
    arguments, environment = SERVERS[server]
    _, port = start_server(arguments, BGTASKS_DOCTOR_TOKEN="T", **environment)
    target = target_at(port, "T")
    for page in ("nowhere", "length"):
        probe = str(Probe(page, f"of-{page}", "def", when="always"))
        ask(port, **{TOKEN_HEADER: "T", PROBE_HEADER: probe})
    target.book.release("of-length")
    assert target.wait_for("of-length", "running", ("ended",)) is not None
    assert target.book.read("of-nowhere") == []


def test_notes_are_kept_in_a_private_folder(start_server: StartServer, tmp_path: Path) -> None:
    """The folder of the notes is its user's own; one that others could write to is refused."""
    arguments, environment = SERVERS["wsgi"]
    command, port = start_server(arguments, BGTASKS_DOCTOR_TOKEN="T", **environment)
    target_at(port, "T").hello()
    (folder,) = tmp_path.glob("bgtasks-doctor-*/")
    assert folder.stat().st_mode & 0o077 == 0
    command.kill()
    folder.chmod(0o777)
    given = {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "BGTASKS_DOCTOR_TOKEN": "T"}
    with Command(arguments, given) as other:
        assert other.wait(30.0) not in (0, None)
        assert "BGTASKS_DOCTOR_FOLDER" in other.output
