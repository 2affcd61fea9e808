"""What the tests of the tasks backend enqueue (functions of a module, as Django wants), and see."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.tasks import task
from django.tasks.signals import task_enqueued, task_finished, task_started

from bgtasks_adapters.concurrency import is_on_loop
from tests.django_site.models import Note

BACKEND = "bgtasks_adapters.django.backend.AfterResponseBackend"
PATIENCE = 10.0

calls: list[Any] = []
entered = threading.Event()
release = threading.Event()


def setting(backend: str = BACKEND, **options: Any) -> dict[str, Any]:
    return {"default": {"BACKEND": backend, "OPTIONS": options}}


@task
def add(a: int, b: int) -> int:
    calls.append((a, b))
    return a + b


@task
async def add_async(a: int, b: int) -> int:
    calls.append((a, b))
    return a + b


@task
def wait() -> None:
    entered.set()
    assert release.wait(PATIENCE)


@task
def fail(text: str) -> None:
    raise LookupError(text)


@task
async def fail_async(text: str) -> None:
    raise LookupError(text)


@task
def twice_as_keys(keys: Any) -> dict[Any, Any]:
    return {keys: keys}


@task
def return_object() -> object:
    return object()


@task(takes_context=True)
def attempt(context: Any, word: str) -> list[Any]:
    return [context.attempt, context.task_result.id, word]


@task(takes_context=True)
async def attempt_async(context: Any, word: str) -> list[Any]:
    return [context.attempt, context.task_result.id, word]


@task
def count_notes() -> int:
    return Note.objects.count()


@task
async def count_notes_async() -> int:
    return await Note.objects.acount()


@task
def enqueue_another() -> str:
    return add.enqueue(3, 4).id


@task
def exit_now() -> None:
    raise SystemExit(3)


class Seen(NamedTuple):
    """One signal, as a receiver saw it."""

    signal: str
    status: str
    id: str
    sender: str
    error: str | None
    is_on_loop: bool


@contextmanager
def signals_seen() -> Iterator[list[Seen]]:
    """Give a list that grows with every signal about a task."""
    seen: list[Seen] = []
    names = {task_enqueued: "enqueued", task_started: "started", task_finished: "finished"}

    def note(sender: Any, signal: Any, task_result: Any, **kwargs: Any) -> None:
        error = sys.exc_info()[0]
        seen.append(
            Seen(
                names[signal],
                str(task_result.status),
                task_result.id,
                sender.__name__,
                None if error is None else error.__name__,
                is_on_loop(),
            )
        )

    for signal in names:
        signal.connect(note)
    # Django's own receivers log each of them, failures with a traceback: not onto the terminal.
    logging.getLogger("django.tasks").setLevel(logging.CRITICAL)
    try:
        yield seen
    finally:
        logging.getLogger("django.tasks").setLevel(logging.NOTSET)
        for signal in names:
            signal.disconnect(note)
