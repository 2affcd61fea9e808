"""The code in README.md and docs/ runs as it is printed there (see "Code in the documentation").

Each example has an interpreter of its own, because a reader runs it that way too: settings, imports
and the shutdown of the process belong to it alone.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Document
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from tests import run_document

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if path.exists()
]
SECONDS_FOR_AN_EXAMPLE = 60

WARNINGS = {
    "connexion.md": ["jsonschema.:DeprecationWarning:connexion.json_schema"],
    "lambda.md": ["There is no current event loop:DeprecationWarning:mangum.adapter"],
    "pyramid.md": [
        "pkg_resources is deprecated as an API:UserWarning:pyramid.asset",
        "Deprecated call to `pkg_resources.declare_namespace:DeprecationWarning:pkg_resources",
        "'cgi' is deprecated:DeprecationWarning:webob.compat",  # to Python 3.12
    ],
}
"""What a framework warns of in its own code, by page; any other warning is an error."""

PYTEST_OPTIONS = "-p no:asyncio -p no:randomly -p no:cacheprovider"
"""For the pages whose examples are tests."""

NEEDED_MODULES = {
    "tasks-framework.md": "django.tasks",  # of Django 6.0
    "write-an-adapter.md": "waitress",
}
LANGUAGES_NOT_RUN = {
    "console",
    "html",
    "ini",
    "json",
    "nginx",
    "sh",
    "text",
    "toml",
    "yaml",
    "diff",
}
MYST_DIRECTIVE = re.compile(r"\{(?!code)[\w-]+\}.*")


def _find_examples() -> list[object]:
    return [
        pytest.param(path, number, id=f"{path.relative_to(ROOT)}:{blocks[0].line}")
        for path in DOCUMENTS
        for number, blocks in enumerate(run_document.parse_examples(path))
    ]


def _run(path: Path, number: int, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    environ["PYTEST_ADDOPTS"] = PYTEST_OPTIONS
    ignored = [f"-Wignore:{warning}" for warning in WARNINGS.get(path.name, [])]
    return subprocess.run(
        [
            sys.executable,
            "-P",
            "-W",
            "error",
            *ignored,
            run_document.__file__,
            str(path),
            str(number),
        ],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_AN_EXAMPLE,
        check=False,
    )


@pytest.mark.parametrize(("path", "number"), _find_examples())
def test_example_runs(path: Path, number: int, tmp_path: Path) -> None:
    """Every Python block of the documents runs, and what it asserts holds."""
    if path.name in NEEDED_MODULES:
        pytest.importorskip(NEEDED_MODULES[path.name])
    result = _run(path, number, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_fence_says_what_it_is(path: Path) -> None:
    """A fence is Python, which runs, or says by its language why it does not."""
    lexer = RawFencedCodeBlockLexer(re.compile(r"(?P<info>[^\n]*)\n"))
    document = Document.parse(str(path))
    unknown = [
        f"{path.name}: {document.line_column(region.start)}: {info!r}"
        for region in lexer(document)
        if (info := region.lexemes["info"].strip()) not in {"python", *LANGUAGES_NOT_RUN}
        and not MYST_DIRECTIVE.fullmatch(info)
    ]
    assert not unknown


def test_blocks_share_names_and_files(tmp_path: Path) -> None:
    """A file may be shown in pieces, Django is set up with it, and hidden blocks run too."""
    document = tmp_path / "page.md"
    document.write_text(
        "```python\n# mysite/settings.py\nLANGUAGE_CODE = 'de'\n```\n"
        "```python\n# mysite/settings.py\nTIME_ZONE = 'Europe/Rome'\n```\n"
        "```python\nfrom django.conf import settings\n```\n"
        "<!-- invisible-code-block: python\n"
        "assert (settings.LANGUAGE_CODE, settings.TIME_ZONE) == ('de', 'Europe/Rome')\n-->\n"
        "<!-- fresh-example -->\n"
        "```python\nassert 'settings' not in globals()\n```\n"
    )
    results = [_run(document, number, tmp_path) for number in range(2)]
    assert [result.returncode for result in results] == [0, 0], results
    assert len(run_document.parse_examples(document)) == 2


@pytest.mark.parametrize("first_line", ["value = 1", "# app/never_imported.py"])
def test_failing_block_is_named_by_its_line(first_line: str, tmp_path: Path) -> None:
    """An assertion that does not hold fails with the line number of the document."""
    document = tmp_path / "page.md"
    document.write_text(f"# Title\n\n```python\n{first_line}\n\nassert not 1\n```\n")
    result = _run(document, 0, tmp_path)
    assert result.returncode == 1
    assert "line 6" in result.stderr


def test_file_is_complete_before_it_is_imported(tmp_path: Path) -> None:
    """Adding to a file whose module is loaded is refused: the addition would not run."""
    document = tmp_path / "page.md"
    document.write_text(
        "```python\n# views.py\n```\n```python\nimport views\n```\n```python\n# views.py\n```\n"
    )
    result = _run(document, 0, tmp_path)
    assert "views.py was imported before" in result.stderr
