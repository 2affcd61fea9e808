"""FastAPI's ``BackgroundTasks``, for Django, Flask and any other WSGI or ASGI application.

The public names, nothing else: no framework is imported here. The adapters are
``bgtasks_adapters.django``, ``.flask``, ``.asgi`` and ``.wsgi``.
"""

from bgtasks_adapters.ambient import add_task, get_background_tasks, task_scope
from bgtasks_adapters.events import TaskEvent
from bgtasks_adapters.exceptions import (
    BackgroundTasksError,
    BackgroundTasksWarning,
    InvalidApplicationError,
    InvalidOptionError,
    InvalidTaskError,
    MissingParameterError,
    NoActiveResponseError,
    TooManyPendingTasksError,
    UnsafeArgumentError,
)
from bgtasks_adapters.outcome import Outcome
from bgtasks_adapters.process import Stats, drain, stats
from bgtasks_adapters.tasks import BackgroundTask, BackgroundTasks

__all__ = [
    "BackgroundTask",
    "BackgroundTasks",
    "BackgroundTasksError",
    "BackgroundTasksWarning",
    "InvalidApplicationError",
    "InvalidOptionError",
    "InvalidTaskError",
    "MissingParameterError",
    "NoActiveResponseError",
    "Outcome",
    "Stats",
    "TaskEvent",
    "TooManyPendingTasksError",
    "UnsafeArgumentError",
    "add_task",
    "drain",
    "get_background_tasks",
    "stats",
    "task_scope",
]
