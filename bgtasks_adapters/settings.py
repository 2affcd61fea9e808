"""The settings, typed and checked: keywords of the middlewares, ``BGTASKS`` in configurations."""

from __future__ import annotations

import dataclasses
import difflib
import os
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from bgtasks_adapters.callables import is_async_callable
from bgtasks_adapters.destinations import Destination
from bgtasks_adapters.entries import Keeper
from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.outcome import check_when

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bgtasks_adapters.events import Observer
    from bgtasks_adapters.outcome import Outcome


class SettingsKeywords(TypedDict, total=False):
    """The fields of ``Settings`` as keywords of a middleware or ``init_app``."""

    executor: Literal["threads", "inline"]
    max_workers: int
    max_pending: int
    overflow: Literal["wait", "refuse"]
    on_error: Literal["continue", "stop"]
    when: Literal["returned", "success", "always"] | Callable[[Outcome], bool]
    shutdown_timeout: float
    handle_sigterm: Literal["auto"] | bool
    receipt: str | os.PathLike[str] | None
    observers: Sequence[Observer]
    on_commit: bool
    handoff: Destination | None
    on_handoff_error: Literal["report", "run_locally"]
    journal: str | os.PathLike[str] | Keeper | None


_PREFIX = "BGTASKS_"
DOCTOR_TOKEN_VARIABLE = "BGTASKS_DOCTOR_TOKEN"


def answers_probes() -> bool:
    """Tell whether this process is to answer the doctor; see ``probes``. Usually it is not."""
    return bool(os.environ.get(DOCTOR_TOKEN_VARIABLE))


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the tasks of an application are run.

    Raises ``InvalidOptionError`` for a bad value, naming the setting.
    """

    executor: Literal["threads", "inline"] = "threads"
    """``"inline"`` runs tasks within the request: WSGI in ``close()``, ASGI before the
    application returns. For AWS Lambda and tests."""
    max_workers: int = 4
    """Threads for ``def`` tasks. Each may hold a database connection."""
    max_pending: int = 1000
    """How many tasks may wait or run in this process before ``overflow`` applies."""
    overflow: Literal["wait", "refuse"] = "wait"
    """At ``max_pending``: ``"wait"`` slows the responses that queue more (WSGI runs their tasks
    on the request's thread, ASGI holds back the end of the response); with ``"refuse"``
    ``add_task`` raises ``TooManyPendingTasksError``."""
    on_error: Literal["continue", "stop"] = "continue"
    """Whether the tasks behind one that failed still run. ``"stop"`` is Starlette's rule."""
    when: Literal["returned", "success", "always"] | Callable[[Outcome], bool] = "returned"
    """Which outcome of the response lets tasks run, unless ``using(when=...)`` says otherwise."""
    shutdown_timeout: float = 20.0
    """Seconds that the exit of the process waits for tasks; what is left is named in a receipt."""
    handle_sigterm: Literal["auto"] | bool = "auto"
    """Leave in order at SIGTERM, so that tasks end first. ``"auto"``: where SIGTERM would kill the
    process at once, because its handler is the default one. True: also where there is a handler,
    which is called before."""
    receipt: str | os.PathLike[str] | None = None
    """A file to which the receipt of the exit is appended as one line of JSON, too."""
    observers: tuple[Observer, ...] = ()
    """Called with the ``TaskEvent`` of every fate."""
    on_commit: bool = True
    """Django: whether a task added inside ``atomic()`` waits for the commit, and is skipped at a
    rollback. Tasks with ``when="always"`` do not wait."""

    handoff: Destination | None = None
    """A ``bgtasks_adapters.handoff.Handoff``: the queue engine that tasks are sent to."""
    on_handoff_error: Literal["report", "run_locally"] = "report"
    """What becomes of a task that its engine did not take in time: it has failed, and that is
    reported; or it runs here. One that the engine has got all the same then runs twice."""
    journal: Any = None
    """Tasks are kept from ``add_task`` to their end, so that a crash loses none: the path of a file
    of SQLite, or a ``bgtasks_adapters.journal.Journal``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "observers", tuple(self._as_sequence(self.observers)))
        self._one_of("executor", "threads", "inline")
        self._one_of("overflow", "wait", "refuse")
        self._one_of("on_error", "continue", "stop")
        self._one_of("on_handoff_error", "report", "run_locally")
        handoff: Any = self.handoff
        if handoff is not None and not isinstance(handoff, Destination):
            raise self._bad("handoff", "use bgtasks_adapters.handoff.Handoff(task), or None")
        object.__setattr__(self, "journal", self._opened(self.journal))
        self._whole_number("max_workers")
        self._whole_number("max_pending")
        self._seconds("shutdown_timeout")
        if all(self.handle_sigterm is not choice for choice in (True, False)) and (
            self.handle_sigterm != "auto"
        ):
            raise self._bad("handle_sigterm", 'use "auto", True or False')
        if self.on_commit not in (True, False):
            raise self._bad("on_commit", "use True or False")
        receipt: Any = self.receipt
        if receipt is not None and not isinstance(receipt, (str, os.PathLike)):
            raise self._bad("receipt", "use the path of a file, or None")
        try:
            check_when(self.when)
        except InvalidOptionError as error:
            raise self._bad("when", str(error).rstrip(".")) from None

    @classmethod
    def from_mapping(
        cls,
        values: Mapping[str, Any],
        spelled: Callable[[str], str] = str,
    ) -> Settings:
        """Build settings from names and values, refusing a name that is no setting.

        ``spelled`` turns a setting's name into how the user spells it, for the message.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                close = difflib.get_close_matches(name.lower(), known, n=1)
                hint = f"Did you mean {spelled(close[0])!r}? " if close else ""
                raise InvalidOptionError(
                    f"Unknown setting {spelled(name)!r}. {hint}"
                    f"The settings are {', '.join(map(spelled, known))}."
                )
        try:
            return cls(**values)
        except _BadValueError as error:
            raise InvalidOptionError(error.message(spelled)) from None

    @classmethod
    def from_config(cls, config: Mapping[str, Any], keywords: Mapping[str, Any]) -> Settings:
        """Build settings from an application's configuration, ``BGTASKS_*``; keywords win over it.

        For frameworks whose configuration is one flat mapping. Other keys are none of our business.
        """
        if _PREFIX.rstrip("_") in config:
            raise InvalidOptionError(
                'app.config["BGTASKS"] is not read: that dict is how Django has it. Here each '
                'setting has a key of its own, such as app.config["BGTASKS_MAX_WORKERS"] = 8.'
            )
        values = {
            name.removeprefix(_PREFIX).lower(): value
            for name, value in config.items()
            if name.startswith(_PREFIX)
        }
        known = cls.from_mapping(values, spelled=lambda name: _PREFIX + name.upper())
        return cls.from_mapping({**values, **keywords}) if keywords else known

    def _as_sequence(self, observers: Any) -> list[Any]:
        if not isinstance(observers, (list, tuple)):
            raise self._bad("observers", "use a list of callables")
        found: list[Any] = list(cast("Sequence[Any]", observers))
        for observer in found:
            if not callable(observer):
                raise self._bad("observers", f"{observer!r} is not callable")
            if is_async_callable(observer):
                raise self._bad(
                    "observers",
                    f"{observer!r} is an async function; observers are called, not awaited",
                )
        return found

    def _opened(self, journal: Any) -> Keeper | None:
        if journal is None or isinstance(journal, Keeper):
            return journal
        if not isinstance(journal, (str, os.PathLike)):
            raise self._bad(
                "journal",
                "use the path of a file, a bgtasks_adapters.journal.Journal, or None; in Django's "
                "BGTASKS also True",
            )
        from bgtasks_adapters.journal import Journal  # which needs much that few have a use for

        return Journal(cast("str | os.PathLike[str]", journal))

    def _one_of(self, name: str, *choices: str) -> None:
        if getattr(self, name) not in choices:
            raise self._bad(name, f"use {' or '.join(map(repr, choices))}")

    def _whole_number(self, name: str) -> None:
        value: Any = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._bad(name, "use a whole number, 1 or more")

    def _seconds(self, name: str) -> None:
        value: Any = getattr(self, name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (is_number and 0 <= value < float("inf")):
            raise self._bad(name, "use a number of seconds, 0 or more")

    def _bad(self, name: str, advice: str) -> InvalidOptionError:
        return _BadValueError(name, getattr(self, name), advice)


class _BadValueError(InvalidOptionError):
    """A bad value, not yet spelled as the user has it."""

    def __init__(self, name: str, value: object, advice: str) -> None:
        self._name, self._value, self._advice = name, value, advice
        super().__init__(self.message(str))

    def message(self, spelled: Callable[[str], str]) -> str:
        return f"Setting {spelled(self._name)}={self._value!r} is not valid: {self._advice}."
