"""For tests: capture tasks and assert on them; hold an adapter against the contract.

The public names, nothing else. pytest users also have the fixture ``background_tasks``, from
``bgtasks_adapters.pytest_plugin``, which pytest finds by itself.
"""

from bgtasks_adapters.contract import check_adapter
from bgtasks_adapters.exceptions import CaptureError
from bgtasks_adapters.testing.capture import capture_background_tasks
from bgtasks_adapters.testing.captured import CapturedTask, CapturedTasks
from bgtasks_adapters.testing.mixin import CapturesBackgroundTasks

__all__ = [
    "CaptureError",
    "CapturedTask",
    "CapturedTasks",
    "CapturesBackgroundTasks",
    "capture_background_tasks",
    "check_adapter",
]
