"""Looks, from outside the site, whether the work was really done."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from PIL import Image

from django_example.demo.visitor import EMAIL, FEEDBACK, NAME, PICTURE_SIZE, ROWS, Visit
from django_example.timeline.recording import RequestRecord

THUMBNAIL = (320, round(320 * PICTURE_SIZE[1] / PICTURE_SIZE[0]))
FATES = (
    "succeeded",
    "failed",
    "timed_out",
    "skipped",
    "replaced",
    "cancelled",
    "left_over",
    "handed_off",
)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it is as it should be, and what was seen."""

    title: str
    is_fine: bool
    seen: str


def check_order(records: Iterable[RequestRecord]) -> Check:
    """Check that every task succeeded, and none began before its response had ended."""
    count = 0
    for record in records:
        for task in record.tasks:
            count += 1
            if task.status != "succeeded":
                return Check("Tasks", False, f"{task.name} {task.status}: {task.problem}")
            if (task.started_at or 0) < (record.response_ended_at or 0):
                return Check("Tasks", False, f"{task.name} began before its response had ended")
    return Check("Tasks", count > 0, f"{count} succeeded, each began after its response")


def check_client(visits: list[Visit], records: dict[int, RequestRecord]) -> Check:
    """Check that the client had responses while their tasks still ran.

    One is enough: a short task may end, on a busy machine, before the client has looked. A
    server that held its responses back would have none.
    """
    count = sum(
        visit.received_at < (task.ended_at or 0)
        for visit in visits
        for task in records[visit.id].tasks
    )
    seen = f"had {count} of {len(visits)} responses while their task still ran"
    return Check("Client", count > 0, seen)


def check_mail(mails: list[EmailMessage]) -> Check:
    """Check that the SMTP server was given the welcome mail, once."""
    seen = "; ".join(f"to {mail['To']}: {mail['Subject']}" for mail in mails) or "none"
    is_fine = [(mail["To"], mail["Subject"]) for mail in mails] == [(EMAIL, f"Welcome, {NAME}!")]
    return Check("Mail received", is_fine, seen)


def check_thumbnail(media: Path) -> Check:
    """Check that there is one thumbnail, of the right format and size."""
    found = list(media.glob("thumbnails/*"))
    if len(found) != 1:
        return Check("Thumbnail made", False, f"{len(found)} files")
    with Image.open(found[0]) as image:
        seen = f"{image.format} of {image.width} x {image.height} pixels"
        return Check("Thumbnail made", (image.format, image.size) == ("JPEG", THUMBNAIL), seen)


def check_webhook(bodies: list[Any]) -> Check:
    """Check that the receiver was sent the feedback, once."""
    is_fine = bodies == [{"feedback": 1, "text": FEEDBACK}]
    return Check("Webhook arrived", is_fine, json.dumps(bodies))


def check_rows(database: Path) -> Check:
    """Check that every row of the CSV file is in the database."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM members_contact").fetchone()
    return Check("Rows imported", count == ROWS, f"{count:,} of {ROWS:,}")


def check_page(page: str, records: Iterable[RequestRecord]) -> Check:
    """Check that the site's own page shows every task."""
    names = [task.name for record in records for task in record.tasks]
    missing = [name for name in names if name not in page]
    return Check("Timeline drawn", not missing, f"misses {missing}" if missing else "all tasks")


def check_receipt(receipt: Path) -> Check:
    """Check that the site left a receipt at exit that accounts for every task."""
    title = "Receipt at exit"
    if not receipt.exists():
        return Check(title, False, "none was written")
    counts = [json.loads(line) for line in receipt.read_text().splitlines()]
    added = sum(count["added"] for count in counts)
    fates = {fate: sum(count[fate] for count in counts) for fate in FATES}
    seen = ", ".join(f"{number} {fate}" for fate, number in fates.items() if number)
    return Check(title, added == sum(fates.values()) > 0, f"{added} added = {seen}")
