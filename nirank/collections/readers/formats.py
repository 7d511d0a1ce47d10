"""Which formats of text files exist, and which one a file is in: by its ending, else by its first lines.

Formats outside nirank are entry points of the group `nirank.formats`, each a `TextFormat`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from itertools import count, islice
from pathlib import Path

from nirank.base.files import read_lines
from nirank.collections.readers.json_files import JSON
from nirank.collections.readers.laws import LAWS, holds_law, name_versions
from nirank.collections.readers.plain_texts import (
    HTML,
    HTML_ENDINGS,
    MARKDOWN_ENDINGS,
    TEXT_ENDINGS,
    name_file,
    read_plain_texts,
)
from nirank.collections.readers.record_files import RECORD_FILES, holds_records
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.smart_files import SMART
from nirank.collections.readers.tables import CSV, PARQUET, TSV
from nirank.collections.readers.text_format import TextFormat
from nirank.collections.readers.trec_files import TREC_DOCUMENTS, TREC_TOPICS
from nirank.errors import ConfigError, DataError
from nirank.forms.column_names import TextColumns
from nirank.forms.id_columns import find_ending

GROUP = "nirank.formats"
# In the order in which they are asked whether they recognise a file: markup before JSON, a table between tabs last.
BUILT_IN: tuple[TextFormat, ...] = (
    LAWS,
    HTML,
    TREC_DOCUMENTS,
    TREC_TOPICS,
    SMART,
    JSON,
    CSV,
    PARQUET,
    TSV,
    RECORD_FILES,
)

_PLAIN = (*TEXT_ENDINGS, *MARKDOWN_ENDINGS, *HTML_ENDINGS)
_SAMPLE = 50  # first lines of a file, and files of a folder, by which the format is told


def list_formats() -> tuple[TextFormat, ...]:
    """Return all formats, in the order in which they are asked whether they recognise a file: those outside first."""
    return (*load_outside_formats(), *BUILT_IN)


@cache
def load_outside_formats() -> tuple[TextFormat, ...]:
    """Return the formats of entry points; raise ConfigError for one that cannot be used."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return tuple(_load_format(point) for point in points)


def _load_format(point: EntryPoint) -> TextFormat:
    try:
        value = point.load()
    except Exception as error:
        raise ConfigError(f"entry point {point.name} = {point.value} cannot be loaded: {error}") from error
    if not isinstance(value, TextFormat):
        raise ConfigError(f"entry point {point.name} = {point.value} is no format; expected a TextFormat")
    return value


def list_endings() -> tuple[str, ...]:
    """Return the endings that files of documents and queries have in a folder; HTML beside them describes it."""
    formats = [each for each in list_formats() if each is not HTML]
    return tuple(dict.fromkeys((*(ending for each in formats for ending in each.endings), "txt")))


def find_format(path: Path) -> TextFormat | None:
    """Return a file's format: the only one with its ending, else the first that recognises its first lines.

    None where no format does: plain text.
    """
    formats = list_formats()
    candidates = [each for each in formats if find_ending(path) in each.endings]
    if len(candidates) > 1:  # one from outside reads what nirank could read too
        candidates = [each for each in candidates if each is not RECORD_FILES]
    if len(candidates) == 1:
        return candidates[0]
    try:
        lines = _read_first_lines(path)
    except DataError:
        if holds_records(path):  # which may be in any encoding, or a single line of XML
            return RECORD_FILES
        if holds_law(path):
            return LAWS
        raise
    known = next((each for each in formats if each.recognises is not None and each.recognises(lines)), None)
    return RECORD_FILES if known is None and holds_records(path) else known


def name_versioned_formats(paths: Sequence[Path]) -> list[list[str | int]]:
    """Return name and version of each format that files are in, of those outside, of laws and of pages.

    What is read depends on these too.
    """
    versioned = (*load_outside_formats(), LAWS, HTML)
    formats = (text_format for path in paths if (text_format := find_format(path)) in versioned)
    formats_by_name = {text_format.name: text_format for text_format in formats if text_format is not None}
    return [[name, formats_by_name[name].version] for name in sorted(formats_by_name)]


def read_records(
    paths: Sequence[Path], side: Side, columns: TextColumns | None = None, folder: Path | None = None
) -> Iterator[Record]:
    """Yield the records of one file, or of several one after the other.

    columns  names that the user gives
    folder   that the files are all files of: where they are plain texts, each is a record. A document that is a file
             and has no id of its own is called by the file's name inside
    """
    columns = columns or TextColumns()
    if folder is not None and are_plain_texts(paths):
        if columns.list_names() or columns.excluded is not None:
            raise DataError(f"{folder}: holds plain texts, which have no columns to name")
        yield from read_plain_texts(paths, folder)
        return
    if len(paths) > 1 and any(find_format(path) is LAWS for path in paths):
        yield from name_versions(lambda: _read_files(paths, side, columns, folder))
        return
    yield from _read_files(paths, side, columns, folder)


def _read_files(paths: Sequence[Path], side: Side, columns: TextColumns, folder: Path | None) -> Iterator[Record]:
    numbers = count()
    for path in paths:
        for record in _read_file(path, side, columns):
            if columns.numbered:
                record = record._replace(id=str(next(numbers)))
            elif not record.id:  # the file is the document
                record = record._replace(id=name_file(path, folder))
            yield record._replace(file=str(path)) if len(paths) > 1 else record


def _read_file(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    text_format = find_format(path)
    if text_format is None:
        raise DataError(_describe_unknown(path))
    if not text_format.has_columns and (columns.list_names() or columns.excluded is not None):
        raise DataError(f"{path}: is in the form of {text_format.name}, which has no columns to name")
    return text_format.read(path, side, columns)


def are_plain_texts(paths: Sequence[Path]) -> bool:
    """Tell whether the files of a folder are texts without a form: by their endings, and most by their first lines."""
    if any(find_ending(path) not in _PLAIN and "." in path.name.strip(".") for path in paths):
        return False
    sample = [paths[at * len(paths) // min(_SAMPLE, len(paths))] for at in range(min(_SAMPLE, len(paths)))]
    without = sum(find_ending(path) in HTML_ENDINGS or find_format(path) is None for path in sample)
    return 2 * without > len(sample)


def _read_first_lines(path: Path) -> list[str]:
    return [line for _, line in islice(read_lines(path), _SAMPLE)]


def _describe_unknown(path: Path) -> str:
    lines = [line for line in _read_first_lines(path) if line.strip()]
    if not lines:
        what = "is empty, so its form cannot be told"
    elif len(lines) == 1 and "\t" in lines[0]:
        what = "is one line with a tab: a text, or a table of one row? A table's name should end in .tsv"
    else:
        what = "is plain text"
    outside = "".join(f" {each.name}," for each in load_outside_formats())
    return (
        f"{path}: {what}; its form is not recognised; expected{outside} JSON lines, CSV, TSV, Parquet, RIS, NBIB,"
        " EndNote or PubMed XML, TREC's <DOC> or <top> files, SMART's, laws in XML, HTML, or a folder of plain texts,"
        " Markdown or HTML, one a file"
    )
