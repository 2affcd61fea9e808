"""The one model: an entry of the journal."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Entry(models.Model):
    """A task that has not ended; see ``stores.Row`` for what each field says."""

    number = models.BigAutoField(primary_key=True)
    uid = models.CharField(max_length=64)
    response = models.CharField(max_length=32)
    path = models.TextField()
    arguments = models.TextField()
    options = models.TextField()
    name = models.TextField()
    added_at = models.FloatField()
    owner = models.CharField(max_length=64, null=True, db_index=True)
    crashes = models.PositiveIntegerField(default=0)
    due_at = models.FloatField(default=0.0)
    reason = models.TextField(null=True)
    is_set_aside = models.BooleanField(default=False)
    signature = models.CharField(max_length=128)

    class Meta:
        verbose_name = "entry of the journal"
        verbose_name_plural = "entries of the journal"
        ordering: ClassVar[list[str]] = ["number"]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"
