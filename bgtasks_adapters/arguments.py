"""What ``add_task`` says of a task's arguments: refused, warned of, or nothing at all.

Rules are found by the type of a value, so that plain values cost next to nothing. A host has rules
for its framework's classes; those for every host are here. To look must change nothing: no rule
calls a method of a value, compares it, or asks it for an attribute that it may have to make.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from functools import partial
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any, NamedTuple

from bgtasks_adapters.callables import label
from bgtasks_adapters.exceptions import BackgroundTasksWarning, UnsafeArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bgtasks_adapters.tasks import BackgroundTask


class Finding(NamedTuple):
    """What a rule has to say of a value: parts of a message, and the id of one that only warns."""

    what: str
    problem: str
    advice: str
    id: str | None = None
    """By which a warning is silenced. None: the value cannot be of use to a task, and is refused.

    The words of a warning must not differ from call to call, or Python shows it for each.
    """


Rule = Callable[["BackgroundTask", Any], Finding | None]
"""Judges a value that a task holds on to; None if there is nothing to say."""

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
_CONTAINERS = (dict, list, tuple, set, frozenset)
_MANY_TYPES = 1000


def _no_rule(kind: type[Any]) -> Rule | None:
    return None


def _silences_nothing(id: str) -> bool:
    return False


class ArgumentRules:
    """A host's rules, before those of every host; for its ``capture`` (``HostContext``).

    ``rule_of`` returns the rule for a type, which is remembered; ``silences`` tells of a warning's
    id whether the project does not want to hear it.
    """

    def __init__(
        self,
        rule_of: Callable[[type[Any]], Rule | None] = _no_rule,
        silences: Callable[[str], bool] = _silences_nothing,
    ) -> None:
        self._rule_of = rule_of
        self._silences = silences
        self._rules: dict[type[Any], Rule | None] = {}
        self._silent: set[type[Any]] = set(_PLAIN)  # no rule for these, and nothing inside

    def check(self, task: BackgroundTask) -> None:
        """Raise ``UnsafeArgumentError`` for what cannot work; warn of what is likely to surprise.

        The warning, a ``BackgroundTasksWarning``, is placed at the line that called this library.
        """
        if type(task.func) is FunctionType:
            silent = self._silent
            values: tuple[object, ...] = task.args
            if task.kwargs:
                values = (*values, *task.kwargs.values())
            for value in values:
                kind = type(value)
                if kind in silent:
                    continue
                if kind is not dict and kind is not list:
                    break
                inner: Any = value
                if not silent.issuperset(map(type, inner.values() if kind is dict else inner)):
                    break
            else:
                return
        self._check_each(task)

    def judge(self, task: BackgroundTask, value: object) -> Finding | None:
        """Return what the rules say of one value; also for a rule of what only wraps another."""
        kind = type(value)
        if kind in self._silent:
            return None
        try:
            rule = self._rules[kind]
        except KeyError:
            rule = self._find(kind)
        return None if rule is None else rule(task, value)

    def _check_each(self, task: BackgroundTask) -> None:
        for words, key, value in _held_by(task):
            finding = self.judge(task, value)
            if finding is not None:
                self._tell(task, words.format(key), finding)

    def _find(self, kind: type[Any]) -> Rule | None:
        if len(self._rules) + len(self._silent) > _MANY_TYPES:  # a program that makes more of them
            self._rules.clear()
            self._silent = set(_PLAIN)
        rule = self._rule_of(kind) or _RULES_OF_EVERY_HOST.get(kind)
        if rule is None and not issubclass(kind, _CONTAINERS):
            self._silent.add(kind)
        else:
            self._rules[kind] = rule
        return rule

    def _tell(self, task: BackgroundTask, place: str, finding: Finding) -> None:
        what, problem, advice, id = finding
        said = f"got {what} ({place}), which {problem}. {advice}."
        if id is None:
            raise UnsafeArgumentError(f"add_task({task.name}, ...) {said}")
        if not self._silences(id):
            # First the id, which Python's own filters then need nothing else of.
            _warn(f"{id}: add_task({label(task.func)}, ...) {said}")


def of_the_request(name: str) -> Finding:
    """Say of a proxy, or another stand-in for the request at hand, that it is gone by then."""
    return Finding(
        name,
        "means nothing once the request is over",
        "Pass what the task needs of it: path=request.path, user_id=current_user.id",
    )


def closed_upload(filename: str | None, closed_by: str, saving: str) -> Finding:
    """Say of an uploaded file that the framework closes it; ``saving`` is how a view saves it."""
    return Finding(
        f"the uploaded file {filename!r}",
        f"{closed_by} closes when the response ends: before the task runs",
        f"Copy it in the view, data = upload.read(), or {saving}, and pass the copy",
    )


def method_of(task: BackgroundTask) -> tuple[Any, str | None]:
    """Return the object of the bound method that a task calls, and the method's name; or Nones."""
    func: Any = task.func
    while isinstance(func, partial):
        func = func.func
    owner = getattr(func, "__self__", None)
    return owner, None if owner is None else func.__name__


def _warn(message: str) -> None:
    level = 1
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and _is_ours(frame.f_globals):
        frame = frame.f_back
        level += 1
    warnings.warn(message, BackgroundTasksWarning, stacklevel=level)


def _is_ours(namespace: dict[str, Any]) -> bool:
    return str(namespace.get("__name__")).partition(".")[0] == "bgtasks_adapters"


def _held_by(task: BackgroundTask) -> Iterator[tuple[str, object, object]]:
    """Yield all that a task holds on to: a pattern for its place, what to fill in, the value.

    That is the object of a bound method, every argument (a partial's, too), and what lies in an
    argument that is a list, tuple, set or dict.
    """
    func: Any = task.func
    given: list[tuple[object, object]] = [*enumerate(task.args), *task.kwargs.items()]
    if type(func) is not FunctionType:
        while isinstance(func, partial):
            given += [*enumerate(func.args), *func.keywords.items()]
            func = func.func
        owner = getattr(func, "__self__", None)
        if owner is not None:
            yield "the object whose method it is", None, owner
    for key, value in given:
        if type(value) in _PLAIN:
            continue
        yield "argument {!r}", key, value
        for inner in _inside(value):
            yield "inside argument {!r}", key, inner


def _inside(value: object) -> Iterator[object]:
    # By the methods of the built-in type, because a subclass may have slow ones of its own, and
    # MultiValueDict's values() show only the last of each.
    kind = type(value)
    base: Any = next((base for base in _CONTAINERS if issubclass(kind, base)), None)
    if base is None:
        return
    is_dict = issubclass(kind, dict)
    read: Callable[[object], Iterable[object]] = base.values if is_dict else base.__iter__
    if not _PLAIN.issuperset(map(type, read(value))):
        for inner in read(value):
            yield inner
            if is_dict:
                yield from _inside(inner)


def _judge_generator(task: BackgroundTask, value: object) -> Finding:
    return Finding(
        "a generator",
        "computes nothing before the task asks for it, from another thread or loop, when what it "
        "reads (a file, a cursor, a list that changes) may be gone, and can be used only once",
        "Pass what it gives, list(generator), or make it in the task",
        "bgtasks.W110",
    )


def _judge_coroutine(task: BackgroundTask, value: object) -> Finding:
    return Finding(
        "a coroutine object",
        "is never awaited if the task does not run",
        "Pass the async function and its arguments apart, and call it in the task",
        "bgtasks.W111",
    )


def _judge_file(task: BackgroundTask, value: object) -> Finding | None:
    if any(value is stream for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return None
    return Finding(
        "an open file",
        "is closed by then if the view opened it in a with block",
        "Pass its path, and open it in the task",
        "bgtasks.W112",
    )


_RULES_OF_EVERY_HOST: dict[type[Any], Rule] = {
    GeneratorType: _judge_generator,
    AsyncGeneratorType: _judge_generator,
    CoroutineType: _judge_coroutine,
    **dict.fromkeys(
        (io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper),
        _judge_file,
    ),
}

rules_of_every_host = ArgumentRules()
"""For a response that no framework's adapter takes part in."""
