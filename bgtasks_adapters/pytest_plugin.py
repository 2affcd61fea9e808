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
        f'{_MARK}(run="now", timeout=10): capture the background tasks of a test, as the fixture '
        'background_tasks does, and run them "now", "later" or "never".',
    )


@pytest.fixture
def background_tasks(request: pytest.FixtureRequest) -> Generator[CapturedTasks]:
    """Capture the background tasks that are added during this test.

    A task that fails unexpectedly fails the test. By default tasks run when their response is over,
    before the client has it; ``@pytest.mark.background_tasks(run="later")`` has them wait for
    ``background_tasks.run()``.
    """
    from bgtasks_adapters.testing import capture_background_tasks

    mark: pytest.Mark | None = request.node.get_closest_marker(_MARK)
    try:
        manager = (
            capture_background_tasks()
            if mark is None
            else capture_background_tasks(*mark.args, **mark.kwargs)
        )
    except TypeError as error:
        raise pytest.UsageError(f"@pytest.mark.{_MARK}: {error}") from None
    captured = manager.begin(f"the fixture background_tasks of {request.node.nodeid}")
    request.node.stash[_CAPTURE] = manager.capture
    yield captured
    manager.capture.end()


@pytest.fixture(autouse=True)
def _captures_if_marked(request: pytest.FixtureRequest) -> None:
    # Also where a test has the mark and not the fixture: one that says "never" must send no mail.
    if request.node.get_closest_marker(_MARK) is not None:
        request.getfixturevalue(_MARK)


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
