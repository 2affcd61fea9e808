"""What FastAPI's users ask for: refused by its own class, granted by the dependency."""

from __future__ import annotations

import pytest

from .wishes import OURS, THEIRS, WISHES, Wish

pytestmark = pytest.mark.parametrize("wish", WISHES, ids=lambda wish: wish.check.__name__)


def test_the_dependency_grants_it(wish: Wish) -> None:
    """Each wish holds with `BackgroundTasksDep`, on a real server."""
    wish.check(OURS)


def test_fastapis_own_class_does_not(wish: Wish) -> None:
    """It does not with FastAPI's own class; if it does one day, the page has to say so."""
    with pytest.raises(AssertionError):
        wish.check(THEIRS)
