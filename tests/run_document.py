"""Runs one example of a Markdown document, as the whole program of a fresh interpreter.

Started by tests/test_docs_code.py with a document and the number of the example in it; the working
directory is an empty folder. CONTRIBUTING.md tells how such a document is written.
"""

import importlib
import os
import re
import runpy
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer

FILE_NAME = re.compile(r"# (?P<path>[\w./-]+\.py)\n")


def parse_examples(path: Path) -> list[list[Example]]:
    """Return the examples of a document, each of them the list of its Python blocks."""
    document = Document.parse(
        str(path), CodeBlockParser("python", PythonEvaluator()), _parse_boundaries
    )
    examples: list[list[Example]] = [[]]
    for block in document.examples():
        if block.region.evaluator is None:
            examples.append([])
        else:
            examples[-1].append(block)
    return [blocks for blocks in examples if blocks]


def _parse_boundaries(document: Document) -> Iterable[Region]:
    return DirectiveInHTMLCommentLexer("fresh-example")(document)


class DocumentFiles:
    """The files that the blocks of an example have written below the working directory."""

    def __init__(self) -> None:
        self._first_lines: dict[str, int] = {}

    def write(self, path: str, block: Example) -> None:
        """Write a block to its file; every line keeps the line number that it has in the document.

        Raises RuntimeError if the file was imported already, since its module would not change.
        """
        if _module_name(path) in sys.modules:
            raise RuntimeError(
                f"{block.path}:{block.line}: {path} was imported before this block adds to it; "
                "move the block up, use another file name, or start a fresh example"
            )
        self._first_lines.setdefault(path, block.line)
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        written = file.read_text() if file.exists() else ""
        padding = "\n" * (block.line - written.count("\n"))
        file.write_text(f"{written}{padding}{block.parsed}")
        importlib.invalidate_caches()

    def find_settings(self) -> str | None:
        """Return the module of Django's settings, if one of the files holds them."""
        settings = (path for path in self._first_lines if Path(path).name == "settings.py")
        return next(map(_module_name, settings), None)

    def import_unused(self) -> None:
        """Run every file that no block has imported."""
        for path in self._first_lines:
            name = _module_name(path)
            if not all(part.isidentifier() for part in name.split(".")):
                runpy.run_path(path)
            elif name not in sys.modules:
                importlib.import_module(name)


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def run_blocks(blocks: Iterable[Example]) -> None:
    """Write or execute the blocks in their order; an exception in one of them passes through."""
    files = DocumentFiles()
    django_is_set_up = False
    for block in _with_end(blocks):
        name = FILE_NAME.match(block.parsed) if block else None
        if block and name:
            files.write(name["path"], block)
            continue
        settings = files.find_settings()
        if settings and not django_is_set_up:
            _set_up_django(settings)
            django_is_set_up = True
        if block:
            block.evaluate()
    files.import_unused()


def _with_end(blocks: Iterable[Example]) -> Iterator[Example | None]:
    yield from blocks
    yield None


def _set_up_django(settings: str) -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    django.setup()


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    run_blocks(parse_examples(Path(sys.argv[1]))[int(sys.argv[2])])
