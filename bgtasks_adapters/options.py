"""What ``using()`` says of a task, apart from its function and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.outcome import check_when

if TYPE_CHECKING:
    from collections.abc import Callable

    from bgtasks_adapters.outcome import Outcome


class Options(NamedTuple):
    """The options of a task; None where nothing was said."""

    name: str | None = None
    key: str | None = None
    when: str | Callable[[Outcome], bool] | None = None
    timeout: float | None = None


NO_OPTIONS = Options()


def check_options(options: Any) -> None:
    """Refuse options of a wrong type or value, naming the one."""
    if options.when is not None:
        check_when(options.when)
    seconds = options.timeout
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and seconds > 0):
        raise InvalidOptionError(
            f"using(timeout={seconds!r}): a timeout is a number of seconds above 0."
        )
    for option in ("name", "key"):
        value = getattr(options, option)
        if value is not None and not isinstance(value, str):
            raise InvalidOptionError(f"using({option}={value!r}): {option} is a string.")
