"""What the site can do, for views, commands and other applications alike."""

from django.core.files.uploadedfile import UploadedFile

from bgtasks_adapters import add_task
from django_example.members.models import ContactImport
from django_example.members.tasks import import_contacts


def accept_contacts(file: UploadedFile) -> ContactImport:
    """Store the CSV file, and import its rows once the response is with the client.

    No collection is passed down to here: `add_task` finds that of the current response. A
    management command calls this inside `with bgtasks_adapters.task_scope():`.
    """
    contact_import = ContactImport.objects.create(file=file)
    add_task(import_contacts, contact_import.pk)
    return contact_import
