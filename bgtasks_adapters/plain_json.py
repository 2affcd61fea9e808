"""Arguments as strict JSON: what arrives in another process is equal to what was passed here.

The encoders that engines use differ: one makes lists of tuples, one strings of dates, one refuses.
So what is not JSON by itself is refused on the line that adds the task, and its place is named.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.exceptions import UnsafeArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_DEEPEST = 100


def check_arguments(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    """Raise ``UnsafeArgumentError`` for the first value that is not JSON, naming its place."""
    for place, value in (
        *((f"args[{index}]", value) for index, value in enumerate(args)),
        *((f"kwargs[{key!r}]", value) for key, value in kwargs.items()),
    ):
        found = next(_findings(value, place, 0), None)
        if found is not None:
            raise UnsafeArgumentError(f"add_task({name}, ...): {found}")


def _findings(value: Any, place: str, depth: int) -> Iterator[str]:
    kind = _kind_of(value)
    if value is None or kind in (bool, int):
        return
    if kind is str:
        if not _can_be_encoded(value):
            yield f"{place} is a str with half of a surrogate pair, which is no text. {_PASS_TEXT}"
    elif kind is float:
        if not isfinite(value):
            yield f"{place} is {value}, which JSON does not have. Pass None, or a str."
    elif depth == _DEEPEST:
        yield f"{place} is nested too deep, or holds itself. Pass the key of a record instead."
    elif kind is list:
        for index, inner in enumerate(value):
            yield from _findings(inner, f"{place}[{index}]", depth + 1)
    elif kind is dict:
        for key, inner in value.items():
            if type(key) is not str:
                yield (
                    f"{place} has the key {key!r}, of type {_full_name(_kind_of(key))}; keys of "
                    "JSON are str. Pass a list of pairs, or make it a str."
                )
            else:
                yield from _findings(inner, f"{place}[{key!r}]", depth + 1)
    else:
        yield f"{place} is a {_full_name(kind)}; {_advice(kind)}"


_PASS_TEXT = "Encode what is no text as base64."


def _can_be_encoded(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_ADVICE_BY_NAME = {
    "builtins.tuple": "it would arrive as a list. Pass a list.",
    "builtins.set": "pass a list, and make it a set in the task.",
    "builtins.frozenset": "pass a list, and make it a set in the task.",
    "builtins.bytes": "pass a str, such as base64 of it, or where the bytes lie.",
    "datetime.datetime": "pass value.isoformat(), and read it in the task.",
    "datetime.date": "pass value.isoformat(), and read it in the task.",
    "datetime.time": "pass value.isoformat(), and read it in the task.",
    "datetime.timedelta": "pass value.total_seconds().",
    "decimal.Decimal": "pass str(value).",
    "uuid.UUID": "pass str(value).",
}


def _advice(kind: type[Any]) -> str:
    for base in kind.__mro__:
        if base in (str, int, float, dict, list):
            return f"pass a plain {base.__name__}."
        advice = _ADVICE_BY_NAME.get(_full_name(base))
        if advice is not None:
            return advice
    return "another process cannot have it. Pass what JSON has: the key of a record, or a path."


def _kind_of(value: object) -> type[Any]:
    return type(value)


def _full_name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
