"""docs/settings.md names every setting and every check there is."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

from bgtasks_adapters.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_every_setting_is_there_with_its_default() -> None:
    """The table has one row for each setting, in their order, with the default that it has."""
    rows = re.findall(r"^\| `([a-z_]+)` \| `(.+?)` \|", PAGE, re.MULTILINE)
    found = [(name, ast.literal_eval(default)) for name, default in rows]
    assert found == [(field.name, field.default) for field in dataclasses.fields(Settings)]
    for name, _ in found:
        assert re.search(rf"^`.*\b{name}\b.*`\n: ", PAGE, re.MULTILINE), f"{name} is not explained"


def test_every_check_is_there() -> None:
    """Each id that the package may give out has a row."""
    package = ROOT / "bgtasks_adapters"
    source = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    given_out = set(re.findall(r'"(bgtasks\.[WE]\d+)"', source))
    assert given_out
    assert set(re.findall(r"^\| `(bgtasks\.[WE]\d+)`", PAGE, re.MULTILINE)) == given_out
