"""The three services and the script as processes of their own; each service under a real server."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

FOLDER = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
PATIENCE = 60.0

GUNICORN = "gunicorn --workers=1 --threads=4 --no-control-socket --bind={host}:{port}"
COMMANDS = {
    "Django": f"{GUNICORN} django_service.wsgi:application",
    "Flask": "waitress --listen={host}:{port} flask_service:app",
    "FastAPI": "uvicorn --host={host} --port={port} fastapi_service:app",
}


class Service:
    """A running service."""

    def __init__(self, name: str, receiver_url: str, folder: Path) -> None:
        self.name = name
        self._receipt = folder / f"{name}.receipt"
        self._log = folder / f"{name}.log"
        port = _free_port()
        self.url = f"http://{HOST}:{port}"
        command = COMMANDS[name].format(host=HOST, port=port).split()
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=FOLDER,
                env=_environment(name, receiver_url, RECEIPT=str(self._receipt)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the one command, which ends them in order
            )

    @property
    def log(self) -> str:
        """What the service has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def receipt(self) -> dict[str, Any]:
        """What the service wrote when it ended."""
        receipt: dict[str, Any] = json.loads(self._receipt.read_text())
        return receipt

    def join(self, members: list[dict[str, Any]]) -> str:
        """Send the request by which members join, and return the answer."""
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}/members", json.dumps(members).encode(), headers)
        with urlopen(request, timeout=PATIENCE) as response:
            answer: bytes = response.read()
        return answer.decode()

    def wait_until_it_serves(self) -> None:
        """Look again and again, with pauses in which the end of the process is awaited."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                socket.create_connection((HOST, int(self.url.rpartition(":")[2])), PATIENCE).close()
            except ConnectionRefusedError:
                try:
                    status = self._process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise RuntimeError(f"{self.name} ended with status {status}:\n{self.log}") from None
            return
        raise TimeoutError(f"{self.name} does not serve after {PATIENCE:g} s:\n{self.log}")

    def send_sigterm(self) -> None:
        """Ask the service to end, as a supervisor does."""
        self._process.send_signal(signal.SIGTERM)

    def wait_for_exit(self) -> None:
        """Wait until the service has ended: its tasks finish first."""
        self._process.wait(PATIENCE)

    def kill(self) -> None:
        """End at once what is still there of it, its server's workers too."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait(PATIENCE)


@contextmanager
def running_services(receiver_url: str, folder: Path) -> Iterator[dict[str, Service]]:
    """Start the three together, wait until all serve, and leave none behind."""
    with ExitStack() as stack:
        services: dict[str, Service] = {}
        for name in COMMANDS:
            services[name] = Service(name, receiver_url, folder)
            stack.callback(services[name].kill)
        for service in services.values():
            service.wait_until_it_serves()
        yield services


def run_script(
    receiver_url: str, members: list[dict[str, Any]]
) -> subprocess.CompletedProcess[str]:
    """Have members join by the script, and return how it ended: its tasks have, too."""
    process = start_script(receiver_url)
    output, errors = process.communicate(json.dumps(members), timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def start_script(receiver_url: str) -> subprocess.Popen[str]:
    """Start the script, which reads the members from its standard input."""
    return subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=FOLDER,
        env=_environment("script", receiver_url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _environment(name: str, receiver_url: str, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(FOLDER),
        "DJANGO_SETTINGS_MODULE": "django_service.settings",
        "NO_PROXY": HOST,
        "no_proxy": HOST,
        "NOTIFICATIONS_URL": f"{receiver_url}/{name}",
        **more,
    }


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
