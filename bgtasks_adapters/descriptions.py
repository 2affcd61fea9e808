"""A task in words that another process can make the same task of: what a journal's entry says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from bgtasks_adapters.engines import find_engine
from bgtasks_adapters.exceptions import InvalidTaskError
from bgtasks_adapters.options import NO_OPTIONS
from bgtasks_adapters.plain_json import check_arguments
from bgtasks_adapters.references import object_at, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bgtasks_adapters.stores import Row
    from bgtasks_adapters.tasks import BackgroundTask

# One for all: json.dumps() makes one for each call that is not as usual.
_encoded = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_INSTEAD = (
    "Pass a function of a module, or let this one task do without the journal: "
    "tasks.using(journal=False).add_task(...)"
)


class Description(NamedTuple):
    """A call, as text."""

    path: str
    arguments: str
    options: str


def describe(task: BackgroundTask) -> Description:
    """Put a task into words; raise for one that cannot be, saying what to do instead."""
    func, args, kwargs = task.options.stands_for or (task.func, task.args, task.kwargs)
    path = _path(func)
    check_arguments(task.name, args, kwargs)
    options = "{}" if task.options is NO_OPTIONS else _encoded(_options_of(task))
    return Description(path, _encoded([[*args], {**kwargs}]), options)


def _path(func: Callable[..., Any]) -> str:
    """Return the name of a function, or of an engine's task, which goes by that of its function."""
    found = find_engine(func)
    function = func if found is None else found.function

    def is_meant(place: object) -> bool:
        made = find_engine(place)
        return made is not None and (
            made.function is function or (found is not None and made.task is found.task)
        )

    return path_of(function, _INSTEAD, is_meant)


def _options_of(task: BackgroundTask) -> dict[str, Any]:
    options = task.options
    found: dict[str, Any] = {}
    if options.name is not None:
        found["name"] = options.name
    if options.timeout is not None:
        found["timeout"] = options.timeout
    if options.handoff is not None:
        if options.handoff is not False:
            raise InvalidTaskError(
                f"using(handoff=...) on {task.name}: a journal remembers no other engine than that "
                "of the setting. Give the setting, or let this one task do without the journal: "
                "tasks.using(journal=False, handoff=...).add_task(...)"
            )
        found["handoff"] = False
    if options.engine:
        check_arguments(task.name, (), options.engine)
        found["engine"] = dict(options.engine)
    return found


class Call(NamedTuple):
    """What a description was made of."""

    func: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    options: Mapping[str, Any]


def understand(row: Row) -> Call:
    """Find again what an entry describes; raise if it is not there, or no longer to be called."""
    args, kwargs = json.loads(row.arguments)
    return Call(object_at(row.path), args, kwargs, json.loads(row.options))
