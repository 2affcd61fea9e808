"""Who may import whom: read from the modules' source, and seen at run time."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import bgtasks_adapters

PACKAGE = "bgtasks_adapters"
FOLDER = Path(bgtasks_adapters.__file__).parent

# From the bottom to the top; a module imports from its own row and from the rows before it.
ROWS = (
    {
        "exceptions",
        "events",
        "callables",
        "concurrency",
        "greenlets",
        "outcome",
        "options",
        "surroundings",
        "arguments",
        "destinations",
        "entries",
        "stores",
        "engines",
        "plain_json",
        "references",
    },
    {"process", "workers"},
    {"publishing"},
    {"tasks", "direct", "settings"},
    {
        "fates",
        "shutdown",
        "sigterm",
        "runner",
        "holds",
        "views",
        "abandoned",
        "activity",
    },
    {"runs", "captors"},
    {"work"},
    {"dispatch"},
    {"ambient"},
    {"descriptions", "leases", "sqlite_store", "inventory"},
    {"recovery"},
    {"keeping"},
    {"servers"},
    {"notes", "probes", "announcement"},
    {"answering", "exchanges"},
    {"injection", "bridges", "bodies"},
    {"wsgi", "asgi"},
)
CORE = set[str]().union(*ROWS[:-5])
BESIDE = {"contract", "doctor", "handoff", "journal", "testing", "pytest_plugin", "__main__"}
"""Imported only by who uses them, never by the package."""

NAMED_IN_A_SETTING = {"settings": {"journal"}}
"""What a setting that names it imports, and not before; ``journal="path"`` is that."""

STRANGERS_OF = {
    "handoff": {"anyio"},
    "contract": {"pytest", "anyio", "gevent", "werkzeug"},
    "testing": {"anyio"},
    "pytest_plugin": {"pytest"},
}

AWAITED = "direct"
"""The module of core that runs on a loop only."""

BOUNDARIES = {"wsgi", "bodies", "asgi", "announcement", "probes"}
FRAMEWORKS = {
    "django": {"django", "asgiref"},
    "flask": {"flask", "werkzeug"},
    "quart": {"quart", "werkzeug"},
    "fastapi": {"fastapi", "starlette"},
}


class Import(NamedTuple):
    """One import statement that runs: not one below `if TYPE_CHECKING`."""

    module: str
    is_lazy: bool


def imports_of(path: Path) -> Iterator[Import]:
    yield from _imports_in(ast.parse(path.read_text(encoding="utf-8")), is_lazy=False)


def _imports_in(node: ast.AST, is_lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            for name in child.names:
                yield Import(name.name, is_lazy)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "the package imports by full names"
            assert child.module is not None
            if child.module.split(".")[0] != PACKAGE or child.module.count("."):
                yield Import(child.module, is_lazy)
            if child.module.split(".")[0] == PACKAGE:
                # `from package import module` names modules, too.
                for name in child.names:
                    module = f"{child.module}.{name.name}"
                    if (FOLDER.parent / f"{module.replace('.', '/')}.py").exists():
                        yield Import(module, is_lazy)
        else:
            is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            yield from _imports_in(child, is_lazy or is_function)


def ours_of(path: Path) -> Iterator[Import]:
    return (i for i in imports_of(path) if i.module.startswith(f"{PACKAGE}."))


def parts_imported(path: Path) -> set[str]:
    """Return the modules and folders directly below the package that a file imports."""
    return {i.module.split(".")[1] for i in ours_of(path)}


def strangers_imported(path: Path) -> set[str]:
    """Return what a file imports that is neither the package nor of the standard library."""
    names = {i.module.split(".")[0] for i in imports_of(path)}
    return names - sys.stdlib_module_names - {PACKAGE}


def path_of(module: str) -> Path:
    return FOLDER / f"{module}.py"


def adapter_files() -> list[tuple[str, Path]]:
    found = [(name, path) for name in FRAMEWORKS for path in (FOLDER / name).rglob("*.py")]
    return found + [(name, path_of(name)) for name in FRAMEWORKS if path_of(name).exists()]


def test_every_module_has_its_place() -> None:
    """Each file of the package stands in a row above, or is an adapter's."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", *BESIDE}
    folders = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    assert modules - set(FRAMEWORKS) == set[str]().union(*ROWS)
    assert folders <= set(FRAMEWORKS) | BESIDE
    assert {name for name, _ in adapter_files()} == set(FRAMEWORKS)


@pytest.mark.parametrize("module", sorted(set[str]().union(*ROWS)))
def test_a_module_imports_only_what_stands_below(module: str) -> None:
    """A module imports from its own row and below, also inside its functions."""
    (row,) = [number for number, row in enumerate(ROWS) if module in row]
    allowed = set[str]().union(*ROWS[: row + 1]) - {module}
    named = NAMED_IN_A_SETTING.get(module, set[str]())
    assert not named & {i.module.split(".")[1] for i in ours_of(path_of(module)) if not i.is_lazy}
    allowed |= named
    assert parts_imported(path_of(module)) <= allowed


@pytest.mark.parametrize("module", sorted(CORE))
def test_core_knows_only_the_standard_library_and_anyio(module: str) -> None:
    """Core imports nothing else, and anyio and asyncio only where a loop is met.

    In a function, that is, or in the one module that is itself imported by what is awaited.
    """
    assert strangers_imported(path_of(module)) <= {"anyio"}
    eager = {i.module for i in imports_of(path_of(module)) if not i.is_lazy}
    assert f"{PACKAGE}.{AWAITED}" not in eager
    if module != AWAITED:
        assert {name.split(".")[0] for name in eager}.isdisjoint({"anyio", "asyncio"})


def test_the_boundaries_and_injection_know_no_framework() -> None:
    """The WSGI boundary and injection need nothing else; the ASGI boundary anyio and a trio run."""
    assert strangers_imported(path_of("wsgi")) == set()
    assert strangers_imported(path_of("bridges")) == set()
    assert strangers_imported(path_of("bodies")) == set()
    assert strangers_imported(path_of("injection")) == set()
    assert strangers_imported(path_of("asgi")) <= {"anyio", "trio"}
    assert "trio" not in {i.module for i in imports_of(path_of("asgi")) if not i.is_lazy}


def test_what_stands_beside_imports_core_alone_and_is_imported_by_nobody() -> None:
    """Doctor and contract need core and what they are about; the package needs neither."""
    for path in FOLDER.rglob("*.py"):
        part = Path(path.relative_to(FOLDER).parts[0]).stem
        if part in BESIDE:
            assert parts_imported(path) <= CORE | BESIDE | {"notes", "probes"}, path
            assert strangers_imported(path) <= STRANGERS_OF.get(part, set()), path
        else:
            assert parts_imported(path).isdisjoint(BESIDE - NAMED_IN_A_SETTING.get(part, set())), (
                path
            )


def test_a_server_under_the_contract_loads_no_pytest() -> None:
    """What runs in the process of a server, and what an author imports there, needs no pytest."""
    loaded = modules_loaded_by("import bgtasks_adapters.contract.served.pages")
    assert f"{PACKAGE}.contract.check" in loaded
    assert not loaded & ({"pytest", "anyio"} | SITES)
    for path in (FOLDER / "contract" / "served").glob("*.py"):
        assert "pytest" not in strangers_imported(path), path


@pytest.mark.parametrize(("name", "path"), adapter_files(), ids=str)
def test_an_adapter_imports_core_a_boundary_and_its_framework(name: str, path: Path) -> None:
    """An adapter imports no other adapter and no other framework."""
    assert parts_imported(path) <= CORE | BOUNDARIES | {"injection", name}
    assert strangers_imported(path) <= FRAMEWORKS[name]


def test_the_package_itself_has_only_public_names() -> None:
    """`__init__` imports from core what `__all__` names, and defines nothing."""
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    docstring, *imports, assignment = tree.body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(assignment, ast.Assign)
    names: list[str] = []
    for statement in imports:
        assert isinstance(statement, ast.ImportFrom)
        names += [name.name for name in statement.names]
    assert sorted(names) == sorted(bgtasks_adapters.__all__)
    assert parts_imported(FOLDER / "__init__.py") <= CORE


def modules_loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter loads to run the code."""
    script = f"""
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=FOLDER.parent,
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


HEAVY = {"anyio", "asyncio", "trio", "concurrent.futures", "inspect", "dataclasses", "difflib"}
SITES = {"django", "flask", "quart", "starlette", "fastapi", "asgiref", "werkzeug"}


def test_importing_the_package_loads_no_framework_and_nothing_slow() -> None:
    """`import bgtasks_adapters` loads no framework, no event loop and no slow module."""
    loaded = modules_loaded_by("import bgtasks_adapters")
    assert PACKAGE in loaded
    assert not loaded & (HEAVY | SITES)


def test_the_pytest_plugin_loads_nothing_heavy() -> None:
    """pytest loads the plugin in every run: beside pytest it brings in the names of core alone."""
    loaded = modules_loaded_by(
        "import pytest; before = set(sys.modules); import bgtasks_adapters.pytest_plugin"
    )
    assert f"{PACKAGE}.pytest_plugin" in loaded
    assert not loaded & (HEAVY | SITES)
    assert not any(name.startswith(f"{PACKAGE}.testing") for name in loaded)


def test_importing_and_wrapping_starts_nothing() -> None:
    """Importing the package and making a middleware starts no thread."""
    loaded = modules_loaded_by(
        "import threading\n"
        "from bgtasks_adapters import wsgi, asgi\n"
        "wsgi.BackgroundTasksMiddleware(lambda environ, start_response: [])\n"
        "asgi.BackgroundTasksMiddleware(lambda scope, receive, send: None)\n"
        "assert threading.active_count() == 1, threading.enumerate()"
    )
    assert f"{PACKAGE}.asgi" in loaded


SERVE = """
from wsgiref.util import setup_testing_defaults
from bgtasks_adapters import add_task, drain, stats
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware

def work(): pass
async def awork(): pass

def app(environ, start_response):
    start_response("200 OK", [])
    for func in TASKS:
        add_task(func)
    return [b"x"]

environ = {}
setup_testing_defaults(environ)
body = BackgroundTasksMiddleware(app)(environ, lambda status, headers, exc_info=None: None)
list(body)
body.close()
assert drain(10) and stats().succeeded == len(TASKS)
"""


def test_wsgi_with_def_tasks_loads_no_event_loop() -> None:
    """A WSGI response with def tasks is served without anyio and without asyncio."""
    loaded = modules_loaded_by(SERVE.replace("TASKS", "[work, work]"))
    assert f"{PACKAGE}.wsgi" in loaded
    assert not loaded & ({"anyio", "asyncio", "trio"} | SITES)


def test_wsgi_with_async_tasks_loads_asyncio_only() -> None:
    """A WSGI response with async tasks loads asyncio, and not anyio."""
    loaded = modules_loaded_by(SERVE.replace("TASKS", "[work, awork]"))
    assert "asyncio" in loaded
    assert not loaded & ({"anyio", "trio"} | SITES)


LIFESPAN = """
import asyncio
from bgtasks_adapters.asgi import BackgroundTasksMiddleware

async def app(scope, receive, send):
    raise ValueError(scope["type"])

async def receive():
    return {"type": received.pop(0)}

async def send(message):
    sent.append(message["type"])

received, sent = ["lifespan.startup", "lifespan.shutdown"], []
asyncio.run(BackgroundTasksMiddleware(app)({"type": "lifespan"}, receive, send))
assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
"""


def test_a_shutdown_with_nothing_pending_waits_for_nothing() -> None:
    """Where no task is pending the drain enters no wait, for which anyio would load a backend."""
    loaded = modules_loaded_by(LIFESPAN)
    assert f"{PACKAGE}.asgi" in loaded
    assert "anyio._backends._asyncio" not in loaded
