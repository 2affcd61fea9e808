"""What became of a task: the record of it, the log line, and the observers' call.

Nothing here decides a fate or counts one; see ``runner`` and ``process`` for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast, get_args

from bgtasks_adapters.exceptions import ProcessTerminated

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from bgtasks_adapters.outcome import Outcome
    from bgtasks_adapters.tasks import BackgroundTask


class _Logger:
    """The logger of this library, got when it is first used: logging is slow to import."""

    def __getattr__(self, name: str) -> Any:
        import logging

        found = getattr(logging.getLogger("bgtasks_adapters"), name)
        setattr(self, name, found)
        return found


logger: logging.Logger = cast("logging.Logger", _Logger())

Fate = Literal[
    "succeeded",
    "failed",
    "timed_out",
    "skipped",
    "replaced",
    "cancelled",
    "left_over",
    "handed_off",
]
FATES: tuple[Fate, ...] = get_args(Fate)

_DEBUG, _INFO, _ERROR = 10, 20, 40  # as logging has them
_LEVELS = {
    "failed": _ERROR,
    "timed_out": _ERROR,
    "left_over": _ERROR,
    "skipped": _INFO,
    "replaced": _INFO,
}
_WORDS = {
    "timed_out": "timed out",
    "left_over": "was left over",
    "handed_off": "was handed off",
    "skipped": "was skipped",
    "replaced": "was replaced",
    "cancelled": "was cancelled",
}


class TaskEvent(NamedTuple):
    """Tell what became of one task.

    ``kind`` is the task's final status. ``outcome`` says how its response ended (None where the
    response had not ended). ``error`` is the exception of a failed or timed out task, ``reason``
    a sentence for every other fate that is not success. The times are Unix seconds:
    ``dispatched_at``, when the response was over and its tasks were handed to the workers;
    ``started_at`` and ``ended_at`` of the task itself, None where it never started.
    """

    kind: Fate
    task: BackgroundTask
    outcome: Outcome | None = None
    error: BaseException | None = None
    reason: str | None = None
    dispatched_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None


class Observer(Protocol):
    """Be told of every fate, as it happens, on the thread or loop where it happens.

    Called inside the task's own context, so that context variables read as they did on the line
    that added the task. It should return quickly; what it raises is logged and changes nothing.
    """

    def __call__(self, event: TaskEvent, /) -> object: ...


def is_reported(kind: Fate, observers: Iterable[Observer]) -> bool:
    """Tell whether anybody would see an event of this kind."""
    return bool(observers) or logger.isEnabledFor(_LEVELS.get(kind, _DEBUG))


def report(event: TaskEvent, observers: Iterable[Observer]) -> None:
    """Log one event and tell the observers; arguments of the task are never shown."""
    level = _LEVELS.get(event.kind, _DEBUG)
    if logger.isEnabledFor(level):
        words = _WORDS.get(event.kind, event.kind)
        why = f": {event.reason}" if event.reason else ""
        logger.log(
            level,
            "Background task %s %s%s",
            event.task.name,
            words,
            why,
            exc_info=event.error if event.kind == "failed" else None,
            extra={"task_name": event.task.name, "task_status": event.kind},
        )
    for observer in observers:
        try:
            observer(event)
        except (KeyboardInterrupt, ProcessTerminated):
            raise
        except BaseException:  # an exit, too: the thread belongs to all responses
            logger.exception(
                "Observer %r failed on the event of task %s", observer, event.task.name
            )
