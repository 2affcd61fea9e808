"""The one model: an entry of the journal."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Entry(models.Model):
    """A task that has not ended; see ``stores.Row`` for what each field says."""

    number: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    uid: models.CharField[str, str] = models.CharField(max_length=64)
    response: models.CharField[str, str] = models.CharField(max_length=32)
    path: models.TextField[str, str] = models.TextField()
    arguments: models.TextField[str, str] = models.TextField()
    options: models.TextField[str, str] = models.TextField()
    name: models.TextField[str, str] = models.TextField()
    added_at: models.FloatField[float, float] = models.FloatField()
    owner: models.CharField[str | None, str | None] = models.CharField(
        max_length=64, null=True, db_index=True
    )
    crashes: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)
    due_at: models.FloatField[float, float] = models.FloatField(default=0.0)
    reason: models.TextField[str | None, str | None] = models.TextField(null=True)
    is_set_aside: models.BooleanField[bool, bool] = models.BooleanField(default=False)
    signature: models.CharField[str, str] = models.CharField(max_length=128)

    class Meta:
        app_label = "bgtasks_journal"  # which is inside another app
        verbose_name = "entry of the journal"
        verbose_name_plural = "entries of the journal"
        ordering: ClassVar[list[str]] = ["number"]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"
