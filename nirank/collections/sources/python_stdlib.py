"""The embedded collection: code search over the running interpreter's standard library.

A document is the source of a public function, class or method with the docstrings taken out;
the query is the first sentence of its docstring; what is relevant is that definition alone.
Modules are parsed, never imported, so the collection is the same on every machine with the
same Python release.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sysconfig
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from nirank.base.files import InputFile
from nirank.base.identity import digest
from nirank.collections.findings import Finding
from nirank.collections.readers.records import Record, Side
from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile

NAME = "python-stdlib"

_SKIPPED = {"test", "tests", "idlelib", "lib2to3", "turtledemo", "site-packages", "dist-packages"}
_MIN_WORDS = 3  # a docstring such as "Nothing." asks for nothing
_MIN_LINES = 4  # of code without docstring and blank lines; below, a definition is a stub, an alias or one call
_SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!etc)[.!?](?=\s|$)")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class DocumentedDefinition(NamedTuple):
    """A definition and what it says of itself; both sides carry the same id."""

    id: str
    source: str
    sentence: str


class StandardLibrary:
    """The collection `python-stdlib`; its one split is called test."""

    name = NAME
    splits = ("test",)
    findings = (
        Finding(
            "training-overlap",
            "note",
            0,
            "python-stdlib: public code with its docstrings is among the training data of many encoders"
            " (all-MiniLM-L6-v2 lists CodeSearchNet), so dense results may profit from overlap",
        ),
    )

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or Path(sysconfig.get_path("stdlib"))

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Public modules by dotted name, in order of their names."""
        modules = {}
        for path in self.root.rglob("*.py"):
            parts = path.relative_to(self.root).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            if parts and all(part.isidentifier() and part[0] != "_" and part not in _SKIPPED for part in parts):
                modules[".".join(parts)] = path
        if not modules:
            raise DataError(f"{NAME}: no Python sources in {self.root}; this interpreter came without them")
        return dict(sorted(modules.items()))

    @cached_property
    def pairs(self) -> list[DocumentedDefinition]:
        """All definitions that make a pair, module by module."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old escapes in sources that are not ours
            return [pair for module, path in self.modules.items() for pair in read_module(module, path)]

    @cached_property
    def _inputs(self) -> tuple[InputFile, ...]:
        return tuple(map(InputFile.of, self.modules.values()))

    def list_input_files(self, side: Side) -> Sequence[InputFile]:
        return self._inputs

    @cached_property
    def sources(self) -> str:
        """One digest over names and bytes of all modules."""
        return digest([[module, file.digest] for module, file in zip(self.modules, self._inputs, strict=True)])

    def get_identity(self, side: Side) -> Mapping[str, Any]:
        return {"reader": "python-stdlib-1", "side": side, "sources": self.sources}

    def describe_origin(self) -> Mapping[str, Any]:
        import platform

        files = {f"{len(self.modules)} modules": self.sources}
        return {"source": NAME, "reader": f"Python {platform.python_version()}", "files": files}

    def name_side(self, side: Side) -> str:
        return f"{NAME} {side}"

    def read_records(self, side: Side) -> Iterator[Record]:
        for number, pair in enumerate(self.pairs, 1):
            yield Record(pair.id, "", pair.source if side == "docs" else pair.sentence, {}, number)

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        return {"qrels": QrelsFile.of(((id, id, 1) for id in queries), f"{NAME} qrels")}

    def read_candidates(self, split: str | None) -> PairsFile | None:
        return None


def read_module(module: str, path: Path) -> Iterator[DocumentedDefinition]:
    """Yield the pairs of one module: public functions and classes, and public methods of the classes."""
    text = importlib.util.decode_source(path.read_bytes())
    lines = text.encode().split(b"\n")
    definitions: dict[str, tuple[Definition, str]] = {}
    for node in _select_public(ast.parse(text).body):
        definitions[f"{module}.{node.name}"] = node, ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            for method in _select_public(node.body):
                definitions[f"{module}.{node.name}.{method.name}"] = method, ast.get_docstring(method) or ""
    for id, (node, docstring) in definitions.items():
        sentence = extract_first_sentence(docstring)
        if len(sentence.split()) >= _MIN_WORDS:
            source = remove_docstrings(node, lines)
            if sum(not line.isspace() for line in source.splitlines() if line) >= _MIN_LINES:
                yield DocumentedDefinition(id, source, sentence)


def _select_public(body: list[ast.stmt]) -> Iterator[Definition]:
    return (node for node in body if isinstance(node, Definition) and not node.name.startswith("_"))


def extract_first_sentence(docstring: str) -> str:
    """Return the first sentence of a docstring's first paragraph, on one line."""
    paragraph = inspect.cleandoc(docstring).strip().split("\n\n")[0]
    joined = " ".join(paragraph.split())
    end = _SENTENCE_END.search(joined)
    return joined[: end.end()] if end else joined


def remove_docstrings(node: Definition, lines: list[bytes]) -> str:
    """Return a definition's source without its docstring and those of the definitions inside it.

    The ones inside are queries of their own, and would stand in this document word by word.
    """
    start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    kept = lines[start : node.end_lineno]
    inner = [part for part in ast.walk(node) if isinstance(part, Definition) and ast.get_docstring(part) is not None]
    docstrings = [definition.body[0] for definition in inner]
    for statement in sorted(docstrings, key=lambda statement: -statement.lineno):
        first, last = statement.lineno - 1 - start, (statement.end_lineno or statement.lineno) - 1 - start
        rest = kept[first][: statement.col_offset] + kept[last][statement.end_col_offset :]
        kept[first : last + 1] = [rest] if rest.strip() else []
    return textwrap.dedent(b"\n".join(kept).decode()).strip("\n")
