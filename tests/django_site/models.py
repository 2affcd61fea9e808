"""Two tables, so that tasks have something to see and to write, and a commit can fail."""

from django.db import models


class Note(models.Model):
    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.text


class Remark(models.Model):
    """A row that may name a note that does not exist, until its transaction is committed."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE)

    def __str__(self) -> str:
        return f"on {self.note}"
