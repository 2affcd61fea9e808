"""The doctor, and the promise, through a real nginx in front of the server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

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
        listen 127.0.0.1:{port};
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
    free_port: int,
    tmp_path: Path,
    give_up: Callable[[str], NoReturn],
    server: str,
    buffering: str,
    protocol: str,
) -> None:
    """Through nginx no client is held and no task lost, whatever it buffers and speaks upstream."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        give_up("nginx is not installed")
    _, upstream = start_server(SERVERS[server], BGTASKS_DOCTOR_TOKEN="T")
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=tmp_path,
            upstream=upstream,
            port=free_port,
            buffering=buffering,
            protocol=PROTOCOLS[protocol],
        )
    )
    command, _ = start_server([nginx, "-p", str(tmp_path), "-c", str(configuration)])
    visit = doctor("--url", f"http://127.0.0.1:{free_port}/", "--token", "T")
    assert visit.status == 0, visit.output + visit.errors + command.output
    assert visit.output.rstrip().endswith("No client was held, and no task was lost.")
