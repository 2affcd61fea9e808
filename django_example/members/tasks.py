"""The work that runs after the response.

A task gets a primary key and loads the row itself. It is never given the request or an
uploaded file: Django has closed both when the task runs.
"""

import csv
from io import BytesIO
from itertools import islice

import httpx
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.mail import send_mail
from django.utils import timezone
from PIL import Image, ImageOps

from django_example.members.models import Contact, ContactImport, Feedback, Member, Picture

# Shared, because to load the certificates for each client would hold up the event loop.
SSL_CONTEXT = httpx.create_ssl_context()
THUMBNAIL_SIZE = (320, 320)
ROWS_A_BATCH = 1_000


def send_welcome_mail(member_id: int) -> None:
    """Send the welcome mail through the configured SMTP server."""
    member = Member.objects.get(pk=member_id)
    send_mail(
        subject=f"Welcome, {member.name}!",
        message=f"Hello {member.name},\n\nyour place is reserved. See you soon!\n",
        from_email=None,
        recipient_list=[member.email],
    )
    member.welcomed_at = timezone.now()
    member.save(update_fields=["welcomed_at"])


def make_thumbnail(picture_id: int) -> None:
    """Make a JPEG that fits THUMBNAIL_SIZE, upright, and save it beside the original."""
    picture = Picture.objects.get(pk=picture_id)
    content = BytesIO()
    with Image.open(picture.original.path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail(THUMBNAIL_SIZE)
        upright.save(content, "JPEG")
    picture.thumbnail.save(f"{picture.pk}.jpg", ContentFile(content.getvalue()))


async def announce_feedback(feedback_id: int) -> None:
    """Post the feedback to the webhook; an answer of 400 or more fails the task."""
    feedback = await Feedback.objects.aget(pk=feedback_id)
    async with httpx.AsyncClient(verify=SSL_CONTEXT, timeout=10) as client:
        response = await client.post(
            settings.FEEDBACK_WEBHOOK_URL,
            json={"feedback": feedback.pk, "text": feedback.text},
        )
    response.raise_for_status()
    feedback.delivered_at = timezone.now()
    await feedback.asave(update_fields=["delivered_at"])


def import_contacts(import_id: int) -> None:
    """Create a contact for each row of the file, skipping addresses that exist already.

    Batches are separate transactions: one for the whole file would keep every other writer
    of the database waiting. Running it again after a failure is safe.
    """
    contact_import = ContactImport.objects.get(pk=import_id)
    count = 0
    with open(contact_import.file.path, encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        while batch := list(islice(rows, ROWS_A_BATCH)):
            contacts = [Contact(name=row["name"], email=row["email"]) for row in batch]
            Contact.objects.bulk_create(contacts, ignore_conflicts=True)
            count += len(batch)
    contact_import.rows = count
    contact_import.save(update_fields=["rows"])
