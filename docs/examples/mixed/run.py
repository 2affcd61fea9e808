"""The one command: start the three services, have members join at each, and run the script.

Shows what each of the four did, ends the services by SIGTERM, and shows their receipts. Exits with
1 if they differ.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from together.receiver import Delivery, Receiver
from together.services import run_script, running_services

MEMBERS: list[dict[str, Any]] = [
    {"id": 7, "address": "ada@example.org"},
    {"id": 8, "address": "grace@example.org"},
]
DELIVERIES = 5  # two mails, two webhooks, one digest
COUNTS = ("added", "succeeded", "replaced", "failed", "left_over")


def main() -> int:
    came: dict[str, str] = {}
    receipts: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Receiver() as receiver,
        running_services(receiver.url, Path(folder)) as services,
    ):
        print(f"{'':8} {'answer':>7} {'all done':>9}  what came from it")
        for name, service in services.items():
            asked_at = time.monotonic()
            service.join(MEMBERS)
            answer = _since(asked_at, time.monotonic())
            deliveries = receiver.wait_for(name, DELIVERIES)
            came[name] = _show(name, answer, asked_at, deliveries)
        started_at = time.monotonic()
        run_script(receiver.url, MEMBERS).check_returncode()
        came["script"] = _show("script", "", started_at, receiver.of("script"))

        for service in services.values():
            service.send_sigterm()
        for name, service in services.items():
            service.wait_for_exit()
            receipts[name] = _counts(service.receipt)
    print("\nReceipts at SIGTERM:")
    for name, counts in receipts.items():
        print(f"{name:8} {counts}")
    are_same = len(set(came.values())) == len(set(receipts.values())) == 1
    print("\nThe same in all four." if are_same else "\nThey differ!")
    return 0 if are_same else 1


def _show(name: str, answer: str, asked_at: float, deliveries: list[Delivery]) -> str:
    what = ", ".join(map(str, deliveries))
    print(f"{name:8} {answer:>7} {_since(asked_at, deliveries[-1].came_at):>9}  {what}")
    return what


def _since(start: float, end: float) -> str:
    return f"{(end - start) * 1000:.0f} ms"


def _counts(receipt: dict[str, Any]) -> str:
    return ", ".join(f"{receipt[word]} {word}" for word in COUNTS if receipt[word])


if __name__ == "__main__":
    sys.exit(main())
