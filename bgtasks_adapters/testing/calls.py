"""A call that a test expects beside one that was added: are they the same, and if not, why.

Two calls are the same if function and arguments are, however the arguments were passed: by
position, by keyword, or inside a ``functools.partial``.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import pprint
import reprlib
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, NamedTuple

from bgtasks_adapters.callables import label

_LONG = 60


class _Shortened(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = _LONG


_SHORTENED = _Shortened()


class Call(NamedTuple):
    """A function, and what it is called with."""

    func: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @classmethod
    def of(cls, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """Make a call of what may be a partial, whose arguments it joins with the others."""
        while isinstance(func, functools.partial):
            args = (*func.args, *args)
            kwargs = {**func.keywords, **kwargs}
            func = func.func
        return cls(func, args, kwargs)

    def __str__(self) -> str:
        arguments = [_SHORTENED.repr(value) for value in self.args]
        arguments += [f"{name}={_SHORTENED.repr(value)}" for name, value in self.kwargs.items()]
        return f"{label(self.func)}({', '.join(arguments)})"

    @property
    def has_arguments(self) -> bool:
        return bool(self.args or self.kwargs)

    def has_function_of(self, other: Call) -> bool:
        """Tell whether both are of one function, or of one method of objects that are equal."""
        mine, theirs = self.func, other.func
        if isinstance(mine, MethodType) and isinstance(theirs, MethodType):
            return bool(mine.__func__ is theirs.__func__ and mine.__self__ == theirs.__self__)
        return bool(mine == theirs)

    def is_same_as(self, other: Call) -> bool:
        return self.has_function_of(other) and self._arguments() == other._arguments()

    @property
    def why_impossible(self) -> str | None:
        """Why the function cannot be called so; None if it can, or cannot be asked."""
        try:
            signature = inspect.signature(self.func)
        except (TypeError, ValueError):
            return None
        try:
            signature.bind(*self.args, **self.kwargs)
        except TypeError as error:
            return str(error)
        return None

    def differences_from(self, expected: Call) -> list[str]:
        """Say, an argument a line or more, what is not as expected; both of one function."""
        mine, theirs = self._arguments(), expected._arguments()
        lines: list[str] = []
        for name in [*theirs, *(name for name in mine if name not in theirs)]:
            if name not in mine:
                lines.append(f"{name}: expected {_SHORTENED.repr(theirs[name])}, was not passed")
            elif name not in theirs:
                lines.append(f"{name}: was {_SHORTENED.repr(mine[name])}, not expected")
            elif mine[name] != theirs[name]:
                lines += _difference(name, theirs[name], mine[name])
        return lines

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments by the name of their parameter, where the function tells it."""
        try:
            bound = inspect.signature(self.func).bind(*self.args, **self.kwargs)
        except (TypeError, ValueError):  # it would fail when called, or is a builtin
            return {
                **{f"argument {number}": value for number, value in enumerate(self.args, 1)},
                **self.kwargs,
            }
        return dict(bound.arguments)


def _difference(name: str, expected: Any, actual: Any) -> list[str]:
    if max(len(repr(expected)), len(repr(actual))) <= _LONG:
        return [f"{name}: expected {expected!r}, was {actual!r}"]
    before, after = (
        pprint.pformat(value, width=_LONG).splitlines() for value in (expected, actual)
    )
    diff = [line.rstrip() for line in difflib.ndiff(before, after)]
    return [f"{name}: - expected, + was", *(f"  {line}" for line in diff)]


def are_alike(func: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Tell whether two functions that are not the same are of one name, as after a reload."""
    return func != other and label(func) == label(other)
