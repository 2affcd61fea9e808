"""How a response ended, and which tasks that lets run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from bgtasks_adapters.callables import is_async_callable
from bgtasks_adapters.exceptions import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable


class Outcome(NamedTuple):
    """How a response ended, as far as the adapters saw it.

    ``returned``: the view returned a response, whatever its status. ``status``: the HTTP status,
    None if no response was started. ``error``: what the view or the application raised.
    ``disconnected``: the client left before the response was complete.
    """

    returned: bool = True
    status: int | None = None
    error: BaseException | None = None
    disconnected: bool = False


ViewError: TypeAlias = "BaseException | Literal['unseen']"
"""What a view was seen to raise; "unseen" where its framework answered, and says only that."""

_WHEN_NAMES = ("returned", "success", "always")


def check_when(when: object) -> None:
    """Refuse a ``when`` that is neither one of the names nor a function of the outcome."""
    if when not in _WHEN_NAMES and not callable(when):
        raise InvalidOptionError(
            f"when={when!r} is unknown. Use one of {', '.join(map(repr, _WHEN_NAMES))}, or a "
            "function that takes the Outcome and returns a bool."
        )
    if callable(when) and is_async_callable(when):
        raise InvalidOptionError(
            f"when={when!r} is an async function, which is called, not awaited. Pass a plain one."
        )


def lets_run(outcome: Outcome, when: str | Callable[[Outcome], bool]) -> bool:
    """Tell whether a task of this ``when`` runs; a function given as such may raise."""
    if callable(when):
        return bool(when(outcome))
    if when == "always":
        return True
    if when == "success":
        return outcome.returned and (outcome.status is None or outcome.status < 400)
    return outcome.returned


def why_skipped(outcome: Outcome) -> str:
    """Say in words which part of the outcome kept a task from running."""
    if outcome.disconnected and outcome.error is not None:
        return "the client left before the view had returned"
    if outcome.error is not None:
        return f"the view raised {type(outcome.error).__name__}"
    if outcome.status is None:
        return "there was no response"
    if outcome.status < 400 and not outcome.returned:
        return f"the view raised, and its framework answered with the status {outcome.status}"
    return f"the response had the status {outcome.status}"


class Notes:
    """What the adapters have seen of one response so far; the outcome is read off them."""

    # With the class, because most responses have no more than a status of their own.
    view_fate: Literal["returned", "raised"] | None = None
    app_error: BaseException | None = None
    status: int | None = None
    is_disconnected = False
    is_over = False

    def outcome(self, view_error: ViewError | None) -> Outcome:
        """Return the outcome as it counts for a task behind which the view raised this error."""
        if isinstance(view_error, str):
            return Outcome(False, self.status, self.app_error, self.is_disconnected)
        if view_error is not None:
            return Outcome(False, self.status, view_error, self.is_disconnected)
        return Outcome(self.has_returned, self.status, self.app_error, self.is_disconnected)

    @property
    def has_returned(self) -> bool:
        """Whether the view returned a response, for a task behind which it raised nothing."""
        if self.view_fate == "returned":
            return True
        if self.app_error is not None or self.status is None:
            return False
        # One that raised, and then an error handler made a response; or nobody saw the view, so
        # the status speaks for it.
        return self.view_fate == "raised" or self.status < 400

    def let_run(self, when: str | Callable[[Outcome], bool]) -> bool:
        """Tell, without making an outcome, of what most tasks have in common; False if in doubt."""
        return when == "always" or (when == "returned" and self.has_returned)
