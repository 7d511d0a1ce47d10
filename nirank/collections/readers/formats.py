"""Which reader a file of documents or queries needs: by its ending, else by how its first lines are built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from nirank.base.files import read_lines
from nirank.collections.readers.json_files import read_json
from nirank.collections.readers.plain_texts import read_plain_texts
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.smart_files import is_smart, read_smart
from nirank.collections.readers.tables import is_table_header, read_csv, read_parquet, read_tsv
from nirank.collections.readers.trec_files import read_docs, read_topics
from nirank.errors import DataError
from nirank.forms.asked import TextColumns
from nirank.forms.id_columns import file_kind

ENDINGS = ("jsonl", "ndjson", "json", "csv", "tsv", "parquet", "trec", "sgml", "xml", "txt")

Form = str  # a key of _TABLES or of _MARKUP, or 'json'
_TABLES: dict[Form, Callable[[Path, TextColumns], Iterator[Record]]] = {
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
}
_MARKUP: dict[Form, Callable[[Path], Iterator[Record]]] = {
    "TREC documents": read_docs,
    "TREC topics": read_topics,
    "SMART": read_smart,
}
_BY_ENDING: dict[str, Form] = {**{name: name for name in _TABLES}, **dict.fromkeys(("json", "jsonl", "ndjson"), "json")}
_PLAIN = ("txt", "text", "md")
_SAMPLE = 50  # first lines of a file, and files of a folder, by which the form is told
_DOC = re.compile(r"<doc(\s[^<>]*)?>", re.IGNORECASE)
_TOP = re.compile(r"<(top|topics?)\b", re.IGNORECASE)
_OBJECT = re.compile(r"\{\s*(\"|\}|\Z)|\[\s*[\[{]")


def read_records(
    paths: Sequence[Path], side: Side, columns: TextColumns | None = None, folder: Path | None = None
) -> Iterator[Record]:
    """Yield the records of one file, or of several one after the other.

    columns  names that the user gives
    folder   that the files are all files of: where they are plain texts, each is a record
    """
    columns = columns or TextColumns()
    if folder is not None and are_plain_texts(paths):
        if columns.named() or columns.excluded is not None:
            raise DataError(f"{folder}: holds plain texts, which have no columns to name")
        yield from read_plain_texts(paths, folder)
        return
    for path in paths:
        for record in _read(path, side, columns):
            yield record._replace(file=str(path)) if len(paths) > 1 else record


def _read(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    form = form_of(path)
    if form is None:
        raise DataError(_unknown(path))
    if form in _TABLES:
        return _TABLES[form](path, columns)
    if form == "json":
        return read_json(path, columns, side)
    if columns.named() or columns.excluded is not None:
        raise DataError(f"{path}: is in the form of {form}, which has no columns to name")
    return _MARKUP[form](path)


def form_of(path: Path) -> Form | None:
    """Return a file's form by its ending, else by its first lines; None where they are plain text."""
    named = _BY_ENDING.get(file_kind(path))
    if named is not None:
        return named
    lines = _head(path)
    whole = "".join(lines).lstrip()
    # Markup may begin anywhere in the first lines: comments, an XML declaration, blank lines.
    tags = whole if whole.startswith("<") else "\n".join(line for line in map(str.lstrip, lines) if line[:1] == "<")
    for pattern, form in ((_DOC, "TREC documents"), (_TOP, "TREC topics")):
        if pattern.search(tags):
            return form
    if is_smart(lines):
        return "SMART"
    if _OBJECT.match(whole):
        return "json"
    return "tsv" if _is_table(lines) else None


def _head(path: Path) -> list[str]:
    return [line for _, line in islice(read_lines(path), _SAMPLE)]


def _is_table(lines: Sequence[str]) -> bool:
    """Tell whether lines are a table between tabs: several, all with as many columns, or a header."""
    rows = [line.rstrip("\r\n").split("\t") for line in lines if not line.isspace()]
    if not rows or len(rows[0]) < 2 or any(len(cells) != len(rows[0]) for cells in rows):
        return False
    return is_table_header(rows[0]) or (len(rows) > 1 and all(cells[0].strip() for cells in rows))


def are_plain_texts(paths: Sequence[Path]) -> bool:
    """Tell whether the files of a folder are texts without a form: by their endings, and most by their first lines."""
    if any(file_kind(path) not in _PLAIN and "." in path.name.strip(".") for path in paths):
        return False
    sample = [paths[at * len(paths) // min(_SAMPLE, len(paths))] for at in range(min(_SAMPLE, len(paths)))]
    without = sum(form_of(path) is None for path in sample)
    return 2 * without > len(sample)


def _unknown(path: Path) -> str:
    lines = [line for line in _head(path) if line.strip()]
    if not lines:
        what = "is empty, so its form cannot be told"
    elif len(lines) == 1 and "\t" in lines[0]:
        what = "is one line with a tab: a text, or a table of one row? A table's name should end in .tsv"
    else:
        what = "is plain text"
    return (
        f"{path}: {what}; its form is not recognised; expected JSON lines, CSV, TSV, Parquet, TREC's <DOC> or <top>"
        " files, SMART's, or a folder of plain texts, one a file"
    )
