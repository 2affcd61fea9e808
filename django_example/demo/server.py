"""The site as a process of its own, under a real server."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from django_example.demo.receivers import HOST, free_port
from django_example.demo.waiting import DemoError, wait_until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 40
LOG_LINES = 40


def migrate(environment: Mapping[str, str]) -> None:
    """Create the tables of the site's database."""
    command = [sys.executable, "-m", "django_example.manage", "migrate", "--verbosity=0"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        error = DemoError("the database could not be migrated")
        error.details = done.stderr.splitlines()[-LOG_LINES:]
        raise error


class Site:
    """A running server of the site."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.address = address
        self._process = process

    def is_ready(self) -> bool | None:
        """Return True when the site answers, None before; raise if its process has ended."""
        if (status := self._process.poll()) is not None:
            raise DemoError(f"the server ended with status {status} instead of serving")
        try:
            httpx.get(f"{self.address}timeline/requests.json", trust_env=False).raise_for_status()
        except httpx.TransportError:  # not listening yet, or listening and not yet answering
            return None
        return True

    def wait(self) -> None:
        """Wait until the server ends, which it should not."""
        raise DemoError(f"the server ended by itself with status {self._process.wait()}")

    def stop(self) -> None:
        """Ask the server to end (SIGTERM) and wait for it: its tasks finish first."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"the server did not end within {STOP_SECONDS} seconds") from None
        if status not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
            raise DemoError(f"the server ended with status {status}")


@contextmanager
def running_site(
    server: str, port: int, environment: Mapping[str, str], log: Path
) -> Iterator[Site]:
    """Start the server, wait until it answers, and end it whatever happens.

    A DemoError that passes gets the end of the server's log as details.
    """
    port = port or free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *_command(server, port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,  # Ctrl-C is for the demo, which then ends the server in order.
        )
    site = Site(process, f"http://{HOST}:{port}/")
    try:
        wait_until("the site answered", site.is_ready, START_SECONDS)
        yield site
    except DemoError as error:
        error.details += log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _command(server: str, port: int) -> list[str]:
    # One process, because the timeline is kept in memory.
    if server == "gunicorn":
        address = ["--bind", f"{HOST}:{port}"]
        threads = ["--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
        return [server, "django_example.wsgi:application", "--workers", "1", *threads, *address]
    address = ["--host", HOST, "--port", str(port)]
    return [server, "django_example.asgi:application", "--workers", "1", *address]


def refuse_used_port(port: int) -> None:
    """Raise DemoError if somebody listens on `port` already."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DemoError(
            f"port {port} of {HOST} cannot be used ({reason}); choose another with --port"
        ) from error


def environment_of(data: Path, receipt: Path, smtp_port: int, webhook_url: str) -> dict[str, str]:
    """Return the environment variables that tell the site about its surroundings."""
    return {
        **os.environ,
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        "DJANGO_SETTINGS_MODULE": "django_example.settings",
        "DJANGO_EXAMPLE_DATA": str(data),
        "DJANGO_EXAMPLE_RECEIPT": str(receipt),
        "DJANGO_EXAMPLE_SMTP_PORT": str(smtp_port),
        "DJANGO_EXAMPLE_WEBHOOK_URL": webhook_url,
    }
