"""A function by its name, ``module:qualname``, for a process that is not this one.

A name is checked where it is made: it must lead back to the same function, and its module must be
among those that are allowed. The process that runs it asks once more, because what comes from a
broker may be anybody's.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bgtasks_adapters.callables import label
from bgtasks_adapters.exceptions import ForbiddenTaskError, InvalidTaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_INSTEAD = (
    "Pass a function of a module, or let this one task run here: "
    "tasks.using(handoff=False).add_task(...)"
)


def path_of(
    func: Callable[..., object],
    instead: str = _INSTEAD,
    is_meant: Callable[[object], bool] | None = None,
) -> str:
    """Return the ``module:qualname`` of a function; raise ``InvalidTaskError`` if it has none.

    The message ends with what to do ``instead``. ``is_meant`` tells whether something else that the
    name leads to will do.
    """
    module: Any = getattr(func, "__module__", None)
    qualname: Any = getattr(func, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str):
        raise InvalidTaskError(
            f"add_task() got {label(func)}, a {type(func).__name__}, which has no name that "
            f"another process could find it by. {instead}"
        )
    path = f"{module}:{qualname}"
    if module == "__main__":
        raise InvalidTaskError(
            f"{path} is part of the program that this process runs, which is another one where the "
            "task is to run. Put the function into a module that both import."
        )
    found = _found(sys.modules.get(module), qualname)
    if found is not func and not (is_meant is not None and is_meant(found)):
        raise InvalidTaskError(
            f"{path} does not lead to what add_task() got (a lambda, a function made in another "
            f"one, a bound method, or something that was replaced). {instead}"
        )
    return path


def object_at(path: str) -> Callable[..., Any]:
    """Import and return what a name leads to, which is to be callable or an engine's task."""
    module, _, qualname = path.partition(":")
    found: Any = _found(import_module(module), qualname) if qualname else None
    if found is None:
        raise InvalidTaskError(f"{path!r} leads to nothing here.")
    func: Callable[..., Any] = found
    return func


def _found(place: object, qualname: str) -> object:
    """Return what a dotted name leads to from a module, or None."""
    for name in qualname.split("."):
        place = getattr(place, name, None)
    return place


class Allowed:
    """The modules whose functions may be called by name: some, with all that is below them."""

    def __init__(self, prefixes: Sequence[str]) -> None:
        self.prefixes = tuple(prefixes)

    def check(self, path: str) -> None:
        """Raise ``ForbiddenTaskError`` for the name of a function in any other module."""
        module = path.partition(":")[0]
        if not any(module == prefix or module.startswith(f"{prefix}.") for prefix in self.prefixes):
            raise ForbiddenTaskError(
                f"{path!r} is in none of the modules that may be called by name: "
                f"{', '.join(self.prefixes) or 'there are none'}. If it should be, name its module "
                "or a package around it, with allow=[...], where tasks are sent and where they run."
            )

    def function(self, path: str) -> Callable[..., Any]:
        """Import and return the function of a name, if it is allowed."""
        self.check(path)
        module, _, qualname = path.partition(":")
        func = _found(import_module(module), qualname) if qualname else None
        if not callable(func):
            raise InvalidTaskError(
                f"{path!r} leads to no function here. Deploy the same code where tasks are sent "
                "and where they run."
            )
        if getattr(func, "__module__", None) != module:
            # Such as one that the allowed module has only imported: os.system, for one.
            self.check(f"{getattr(func, '__module__', None)}:{qualname}")
        return func
