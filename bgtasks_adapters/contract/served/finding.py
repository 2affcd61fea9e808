"""Find the author's ``make_host`` in the process of a server, by its name or by its file."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def find_module(name: str, file: str) -> ModuleType:
    """Import a module by its name; where the name finds another file or none, by its file.

    pytest gives modules of tests names that nothing else can import them by (``importlib`` mode).
    """
    if _file_of(name) == Path(file).resolve():
        return importlib.import_module(name)
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no file of Python code", name=name, path=file)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _file_of(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # what is in front of the last dot is no package, or itself
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin).resolve()
