"""The outside world of the site: a mail server and a receiver of webhooks, both real."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a port of HOST that nobody listens on."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Mailbox:
    """Accepts every mail and keeps it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: object, envelope: Envelope) -> str:
        """Keep a mail; aiosmtpd calls this when all of it has arrived."""
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        self.mails.append(mail)
        return "250 Message accepted for delivery"


@contextmanager
def running_mail_server() -> Iterator[Mailbox]:
    """Serve SMTP on a thread of its own."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname=HOST, port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


class WebhookReceiver(ThreadingHTTPServer):
    """Accepts every POST and keeps its JSON body."""

    def __init__(self) -> None:
        super().__init__((HOST, 0), _WebhookHandler)
        self.bodies: list[Any] = []

    @property
    def url(self) -> str:
        """Return the address to post to."""
        return f"http://{HOST}:{self.server_port}/feedback"


class _WebhookHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, WebhookReceiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal for the demo's own words."""


@contextmanager
def running_webhook_receiver() -> Iterator[WebhookReceiver]:
    """Serve HTTP on a thread of its own."""
    with WebhookReceiver() as receiver:
        thread = Thread(target=receiver.serve_forever, name="webhook receiver", daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
