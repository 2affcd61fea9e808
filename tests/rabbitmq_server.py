"""A RabbitMQ of the tests' own, where its program is installed."""

from __future__ import annotations

import shutil
import signal
import socket
from functools import cache
from pathlib import Path

from bgtasks_adapters.contract.running import free_port
from tests.database_server import OwnServer, UnavailableError


@cache
def server() -> OwnServer:
    """Start a server on a free port of 127.0.0.1, once a process.

    It has the user "guest", keeps durable queues over a restart, and ends with this process; so
    does the daemon of its own by which Erlang's nodes find each other.
    """
    program, names = _program(), shutil.which("epmd")
    if names is None:
        raise UnavailableError("RabbitMQ is not installed as a whole: there is no epmd")
    finder = OwnServer("epmd", user="rabbitmq")
    finder.start(
        [names, "-address", "127.0.0.1", "-port", str(finder.port)],
        is_ready=lambda: _listens(finder.port),
        stop=signal.SIGTERM,
    )
    started = OwnServer("rabbitmq", user="rabbitmq")
    port = started.port
    plugins, config = started.folder / "enabled_plugins", started.folder / "rabbitmq.conf"
    plugins.write_text("[].\n")
    config.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\nlog.console = true\nlog.file = false\n")
    settings: dict[str, str | Path | int] = {
        "ERL_EPMD_PORT": finder.port,
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "HOME": started.folder,  # for a cookie of its own
        "RABBITMQ_NODENAME": f"bgtasks{port}@localhost",
        "RABBITMQ_CONF_ENV_FILE": started.folder / "none",
        "RABBITMQ_CONFIG_FILE": config,
        "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
        "RABBITMQ_MNESIA_BASE": started.folder / "mnesia",
        "RABBITMQ_LOG_BASE": started.folder / "logs",
        "RABBITMQ_PID_FILE": started.folder / "pid",
        "RABBITMQ_DIST_PORT": free_port(),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2",
    }
    started.start(
        [program],
        is_ready=lambda: _answers(port),
        stop=signal.SIGTERM,
        environment={name: str(value) for name, value in settings.items()},
    )
    return started


def _program() -> Path:
    # The command on PATH writes to folders of the system; this is what it calls.
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    if not found:
        raise UnavailableError("RabbitMQ is not installed: there is no rabbitmq-server")
    return found[-1]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"AMQP\0\0\x09\x01")
            return client.recv(1) == b"\x01"  # a frame of a method: connection.start
    except OSError:
        return False
