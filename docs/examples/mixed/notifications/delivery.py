"""The tasks: a mail and a digest by ``def`` functions, a webhook by an ``async def`` one.

Each is a POST to the address in NOTIFICATIONS_URL, as mail providers have it.
"""

import json
import os
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import anyio

PATIENCE = 30.0


class RefusedError(Exception):
    """Raised for an answer that is no 2xx."""


def send_mail(address: str, *, subject: str) -> None:
    _post("mail", {"to": address, "subject": subject})


def send_digest(latest_member: int) -> None:
    _post("digest", {"latest": latest_member})


async def call_webhook(member: int) -> None:
    url = urlsplit(f"{os.environ['NOTIFICATIONS_URL']}/webhook")
    body = json.dumps({"joined": member}).encode()
    head = f"POST {url.path} HTTP/1.0\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    assert url.hostname is not None
    assert url.port is not None
    with anyio.fail_after(PATIENCE):
        async with await anyio.connect_tcp(url.hostname, url.port) as stream:
            await stream.send(head.encode() + body)
            status = (await stream.receive()).split(maxsplit=2)[1]
    if not status.startswith(b"2"):
        raise RefusedError(f"the webhook was answered with {status.decode()}")


def _post(kind: str, content: dict[str, object]) -> None:
    url = f"{os.environ['NOTIFICATIONS_URL']}/{kind}"
    request = Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE):  # raises for an answer that is no 2xx
        pass
