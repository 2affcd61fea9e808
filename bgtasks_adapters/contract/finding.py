"""What is passed as ``make_host``, and how a server's process will find it again."""

from __future__ import annotations

import inspect
import sys
from typing import Any, NamedTuple

from bgtasks_adapters.callables import is_coroutine_function
from bgtasks_adapters.exceptions import InvalidOptionError


class Found(NamedTuple):
    """Where the function is, and a name for what it makes."""

    make_host: str
    file: str
    default_name: str


def find_host(make_host: Any) -> Found:
    """Say where the function is; raise ``InvalidOptionError`` if no other process can find it."""
    problem = _problem_of(make_host)
    if problem:
        raise InvalidOptionError(
            f"make_host={make_host!r} {problem}. It is called in the process of a server, which "
            "imports it by its name: pass a function that stands in a module, and takes the "
            "settings: def make_host(settings): ... return application"
        )
    module: str = make_host.__module__
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        raise InvalidOptionError(
            f"make_host={make_host!r} is in the module {module!r}, which has no file. Put it into "
            "one that a server's process can load."
        )
    name: str = make_host.__name__
    return Found(f"{module}:{name}", file, name.removeprefix("make_").replace("_", "-"))


def _problem_of(make_host: Any) -> str:
    if not callable(make_host):
        return f"of type {type(make_host).__name__} is not callable"
    if not inspect.isfunction(make_host):
        return f"is no function but of type {type(make_host).__name__}"
    if is_coroutine_function(make_host):
        return "is an async function, and a server loads its application without a loop"
    if make_host.__name__ == "<lambda>":
        return "is a lambda"
    if "." in make_host.__qualname__:
        return "is nested in a function or a class"
    if make_host.__module__ == "__main__":
        return "is in the program itself (__main__), which is no module"
    return ""
