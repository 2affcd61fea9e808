"""The capture for unittest's test cases, and with that for Django's."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, ClassVar

from bgtasks_adapters.exceptions import CaptureError
from bgtasks_adapters.testing.captor import When
from bgtasks_adapters.testing.capture import capture_background_tasks

if TYPE_CHECKING:
    from bgtasks_adapters.testing.captured import CapturedTasks

    Case = unittest.TestCase
else:
    Case = object


class CapturesBackgroundTasks(Case):
    """Capture the tasks of each test of a class, as ``self.background_tasks``.

    A mixin for unittest's ``TestCase`` and each of Django's, put before it. The capture lasts from
    ``setUp`` to behind ``tearDown``; a task that fails unexpectedly fails its test.
    """

    run_background_tasks: ClassVar[When] = "now"
    """As ``capture_background_tasks(run=...)``."""

    _captured: CapturedTasks | None = None

    def setUp(self) -> None:
        super().setUp()
        self._captured = self.enterContext(capture_background_tasks(self.run_background_tasks))

    @property
    def background_tasks(self) -> CapturedTasks:
        """The tasks of this test so far."""
        if self._captured is None:
            raise CaptureError(
                f"No tasks are captured in {self.id()}: call super().setUp() in its setUp(), and "
                "put CapturesBackgroundTasks before the TestCase among the bases of its class."
            )
        return self._captured
