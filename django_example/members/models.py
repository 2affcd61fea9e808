"""What the site stores. Each model says whether its work after the response is done."""

from django.db import models


class Member(models.Model):
    """Someone who signed up; `welcomed_at` says when the welcome mail was sent."""

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)
    welcomed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Picture(models.Model):
    """An uploaded image; `thumbnail` is empty until the task has made it."""

    original = models.ImageField("image", upload_to="pictures/")
    thumbnail = models.ImageField(upload_to="thumbnails/", blank=True)

    def __str__(self) -> str:
        return str(self.original)


class Feedback(models.Model):
    """A visitor's words; `delivered_at` says when the webhook accepted them."""

    text = models.CharField(max_length=500)
    delivered_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.text


class ContactImport(models.Model):
    """An uploaded CSV file; `rows` is empty until all of them are imported."""

    file = models.FileField("CSV file", upload_to="imports/")
    rows = models.PositiveIntegerField(null=True)

    def __str__(self) -> str:
        return str(self.file)


class Contact(models.Model):
    """One row of an imported file."""

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)

    def __str__(self) -> str:
        return self.name
