"""What ``using()`` says of a task, apart from its function and arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bgtasks_adapters.destinations import Destination
from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.outcome import check_when

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bgtasks_adapters.events import Observer
    from bgtasks_adapters.outcome import Outcome


class Options(NamedTuple):
    """The options of a task; None where nothing was said."""

    name: str | None = None
    key: str | None = None
    when: str | Callable[[Outcome], bool] | None = None
    timeout: float | None = None
    on_commit: bool | None = None
    observer: Observer | None = None
    """Told, beside those of the settings, of every fate but success, which the function sees."""
    handoff: Destination | Literal[False] | None = None
    engine: Mapping[str, Any] | None = None
    journal: Literal[False] | None = None
    id: str | None = None
    """That its engine is given, where it was given before by a process that died."""
    stands_for: tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]] | None = None
    """The call that users know, function and arguments, where the task's own only makes it."""

    def waits_for_commit(self, when: object, on_commit: bool) -> bool:
        """Tell whether the task waits for a commit, where these are the settings' own values."""
        if self.on_commit is not None:
            return self.on_commit
        return on_commit and (self.when or when) != "always"


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
    if options.on_commit not in (None, True, False):
        raise InvalidOptionError(f"using(on_commit={options.on_commit!r}): use True or False.")
    if options.handoff not in (None, False) and not isinstance(options.handoff, Destination):
        raise InvalidOptionError(
            f"using(handoff={options.handoff!r}): use a bgtasks_adapters.handoff.Handoff, or False."
        )
    if options.journal not in (None, False):
        raise InvalidOptionError(f"using(journal={options.journal!r}): use False, or leave it out.")
    engine = options.engine
    is_named = engine is None or (
        issubclass(type(engine), Mapping) and all(isinstance(name, str) for name in engine)
    )
    if not is_named:
        raise InvalidOptionError(
            f"using(engine={engine!r}): use a dict of options that the task's engine knows."
        )
    for option in ("name", "key"):
        value = getattr(options, option)
        if value is not None and not isinstance(value, str):
            raise InvalidOptionError(f"using({option}={value!r}): {option} is a string.")
