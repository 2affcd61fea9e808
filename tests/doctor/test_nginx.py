"""The doctor, and the promise, through a real nginx in front of the server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from bgtasks_adapters.contract.running import free_port

from .conftest import APPLICATIONS, StartServer, Visit, gunicorn, uvicorn

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    upstream application {{ server 127.0.0.1:{upstream}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port}{tls};
        location / {{
            proxy_pass http://application;
            proxy_buffering {buffering};
            {protocol}
        }}
    }}
}}
"""
PROTOCOLS = {
    "http-1.0": "proxy_http_version 1.0;",
    "keep-alive": 'proxy_http_version 1.1; proxy_set_header Connection "";',
}
SERVERS = {
    "wsgi": gunicorn(f"{APPLICATIONS}:wsgi"),
    "asgi": uvicorn(f"{APPLICATIONS}:asgi"),
}
SHORT = {("wsgi", "on", "http-1.0"), ("asgi", "off", "keep-alive")}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "buffering" not in metafunc.fixturenames:
        return
    chains = [(s, b, p) for s in SERVERS for b in ("on", "off") for p in PROTOCOLS]
    if not metafunc.config.getoption("--long"):
        chains = [chain for chain in chains if chain in SHORT]
    metafunc.parametrize("server,buffering,protocol", chains)


def test_behind_nginx(
    doctor: Callable[..., Visit],
    start_server: StartServer,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
    server: str,
    buffering: str,
    protocol: str,
) -> None:
    """Through nginx no client is held and no task lost, whatever it buffers and speaks upstream."""
    _, upstream = start_server(SERVERS[server], BGTASKS_DOCTOR_TOKEN="T")
    port = free_port()
    configuration = configure(
        tmp_path, upstream, port, buffering=buffering, protocol=PROTOCOLS[protocol]
    )
    command, _ = start_server([_program("nginx", give_up), "-c", str(configuration)])
    visit = doctor("--url", f"http://127.0.0.1:{port}/", "--token", "T")
    assert visit.status == 0, visit.output + visit.errors + command.output
    assert visit.output.rstrip().endswith("No client was held, and no task was lost.")


def test_over_tls(
    doctor: Callable[..., Visit],
    start_server: StartServer,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
) -> None:
    """A URL with https is measured over TLS, if its certificate is one that the system trusts."""
    openssl = [_program("openssl", give_up), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([*openssl, *names, *made], check=True, capture_output=True, timeout=60)
    _, upstream = start_server(SERVERS["wsgi"], BGTASKS_DOCTOR_TOKEN="T")
    certificate = f"ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem"
    port = free_port()
    configuration = configure(tmp_path, upstream, port, tls=f" ssl; {certificate}")
    start_server([_program("nginx", give_up), "-c", str(configuration)])
    arguments = ("--url", f"https://127.0.0.1:{port}/", "--token", "T")
    stranger = doctor(*arguments)
    assert stranger.status == 2
    assert "certificate verify failed" in stranger.errors
    trusting = doctor(*arguments, SSL_CERT_FILE=str(tmp_path / "cert.pem"))
    assert trusting.status == 0, trusting.output + trusting.errors


def configure(
    folder: Path,
    upstream: int,
    port: int,
    *,
    tls: str = "",
    buffering: str = "on",
    protocol: str = "",
) -> Path:
    """Write the configuration of an nginx in front of a server."""
    configuration = folder / "nginx.conf"
    text = CONFIGURATION.format(
        folder=folder,
        upstream=upstream,
        port=port,
        tls=tls,
        buffering=buffering,
        protocol=protocol,
    )
    configuration.write_text(text)
    return configuration


def _program(name: str, give_up: Callable[[str], NoReturn]) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    return found or give_up(f"{name} is not installed")
