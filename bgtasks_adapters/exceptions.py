"""The errors of this library: one base class, few leaves, each also the built-in kind.

And the category of its warnings.
"""

from __future__ import annotations


class BackgroundTasksError(Exception):
    """Base of every error that this library raises on purpose."""


class NoActiveResponseError(BackgroundTasksError, RuntimeError):
    """Raised where a task is added and no response (and no ``task_scope()``) is being made."""


class InvalidTaskError(BackgroundTasksError, TypeError):
    """Raised by ``add_task`` for what can never run: not callable, a coroutine, a generator."""


class UnsafeArgumentError(BackgroundTasksError, TypeError):
    """Raised by ``add_task`` for an argument that will be gone when the task runs."""


class BackgroundTasksWarning(UserWarning):
    """Given by ``add_task`` for an argument that is likely to surprise, once a line of code.

    Its message begins with an id, such as ``bgtasks.W104``, which silences it: in Python's own
    filters, or in Django's ``SILENCED_SYSTEM_CHECKS``.
    """


class InvalidOptionError(BackgroundTasksError, ValueError):
    """Raised for a setting or an option of ``using()`` that is unknown or has a bad value."""


class MissingParameterError(BackgroundTasksError, TypeError):
    """Raised by ``with_background_tasks`` for a function without the annotated parameter."""


class InvalidApplicationError(BackgroundTasksError, TypeError):
    """Raised by a middleware or ``init_app`` for what is no application of its kind."""


class TooManyPendingTasksError(BackgroundTasksError, RuntimeError):
    """Raised by ``add_task`` at ``max_pending`` where ``overflow="refuse"`` is set."""


class ForbiddenTaskError(BackgroundTasksError, PermissionError):
    """Raised for the name of a function that may not be called by name; see ``handoff``."""


class HandoffError(BackgroundTasksError, RuntimeError):
    """Raised where an engine could not be given a task, or did not answer in time."""


class JournalError(BackgroundTasksError, RuntimeError):
    """Raised where a task could not be written to the journal, which therefore was not added."""


class TaskNotRunError(BackgroundTasksError, RuntimeError):
    """Recorded for a task of Django's tasks framework that never ran, with the reason."""


class CaptureError(BackgroundTasksError, RuntimeError):
    """Raised by ``testing.capture_background_tasks`` where it cannot do what a test asks for."""


class ProcessTerminated(SystemExit):
    """Raised on the main thread by this library's SIGTERM handler; no failure of any task."""
