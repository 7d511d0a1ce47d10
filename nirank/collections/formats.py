"""Which reader a file of documents or queries needs: by its ending, else by how it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from nirank.collections.json_lines import read_json_array, read_json_lines
from nirank.collections.records import Record
from nirank.collections.tables import read_csv, read_parquet, read_tsv
from nirank.collections.trec_texts import read_docs, read_topics
from nirank.errors import DataError
from nirank.files import read_lines

ENDINGS = ("jsonl", "json", "csv", "tsv", "parquet", "trec", "sgml", "xml", "txt")

Reader = Callable[[Path], Iterator[Record]]
_BY_ENDING: dict[str, Reader] = {
    "jsonl": read_json_lines,
    "ndjson": read_json_lines,
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
}


def ending(path: Path) -> str:
    """Return a file's ending without `.gz`, in lower case: 'jsonl'."""
    return path.name.lower().removesuffix(".gz").rpartition(".")[2]


def read_records(paths: Sequence[Path]) -> Iterator[Record]:
    """Yield the records of one file, or of several one after the other."""
    for path in paths:
        yield from reader_of(path)(path)


def reader_of(path: Path) -> Reader:
    """Return the reader for a file; raise DataError for one that nothing here reads."""
    found = _BY_ENDING.get(ending(path))
    if found is not None:
        return found
    # Markup may begin anywhere in the first lines: comments, an XML declaration, blank lines.
    head = "".join(line for _, line in islice(read_lines(path), 50)).lstrip()
    lower = head.lower()
    if "<doc>" in lower:
        return read_docs
    if "<top" in lower:
        return read_topics
    if head.startswith("["):
        return read_json_array
    if head.startswith("{"):
        return read_json_lines
    if "\t" in head.partition("\n")[0]:
        return read_tsv
    raise DataError(
        f"{path}: its form is not recognised; expected JSON lines, CSV, TSV, Parquet, or TREC's <DOC> or <top> files"
    )
