"""The pytest plugin: the fixture ``background_tasks``, and the mark that says how its tasks run.

pytest loads it by its entry point in every run where the package is installed, so it imports
nothing else before a test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from bgtasks_adapters.testing import CapturedTasks
    from bgtasks_adapters.testing.captor import Capture

_MARK = "background_tasks"
_CAPTURE: pytest.StashKey[Capture] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f'{_MARK}(run="now", timeout=10): how the fixture background_tasks runs tasks; '
        '"now", "later" or "never".',
    )


@pytest.fixture
def background_tasks(request: pytest.FixtureRequest) -> Generator[CapturedTasks]:
    """Capture the background tasks that are added during this test.

    A task that fails unexpectedly fails the test. By default tasks run when their response is over,
    before the client has it; ``@pytest.mark.background_tasks(run="later")`` has them wait for
    ``background_tasks.run()``.
    """
    from bgtasks_adapters.testing import capture_background_tasks

    mark = request.node.get_closest_marker(_MARK)
    manager = (
        capture_background_tasks(*mark.args, **mark.kwargs)
        if mark
        else (capture_background_tasks())
    )
    captured = manager.begin(f"the fixture background_tasks of {request.node.nodeid}")
    request.node.stash[_CAPTURE] = manager.capture
    yield captured
    manager.capture.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Have a task that failed fail its test itself, and not the end of a fixture."""
    capture = item.stash.get(_CAPTURE, None)
    try:
        result = yield
    except BaseException as error:
        if capture is not None:
            capture.note_unexpected(error)
        raise
    if capture is not None:
        capture.check()
    return result
