"""The importer: records in, memory-mapped Arrow out, in one pass and bounded memory."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.identity import Digester
from nirank.collections.readers.records import Record
from nirank.collections.text_fields import METADATA, TextFields, count_keys
from nirank.collections.texts import hash_text, make_digest_record, select_digest_columns
from nirank.collections.texts_writer import TextsWriter
from nirank.errors import DataError
from nirank.flow.ids import Ids

VERSION = 5  # raised when the same records would be written otherwise

_MAX_EXAMPLES = 3
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_COLUMNS = ("title", "text")
# UTF-8 read as Latin-1 or Windows-1252: Ã, Â or â followed by what a second byte becomes, and a blank of tokenisers.
_MOJIBAKE = re.compile("[\u00c3\u00c2] ?[\u0080-\u00bf]|\u00e2\u20ac|\u00e2[\u0080-\u009f]|\u00ef\u00bb\u00bf")
_MARKUP = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,6}|#x[0-9a-fA-F]{2,5});|</?(?:p|br|b|i|em|div|span|sub|sup)\s*/?>")


@dataclass
class Tally:
    """How many records have something in common, and what the first few are."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < _MAX_EXAMPLES:
            self.examples.append(example)


@dataclass
class ImportFacts:
    """What only the importer sees, or what it would be slow to look for again.

    empty      records whose title and text are blank
    converted  ids that were numbers
    made_texts titles or texts that were no strings
    replaced   records with halves of characters (lone surrogates), now U+FFFD
    damaged    records with U+FFFD, the sign of text decoded wrongly; the replaced are among them
    mojibake   records with traces of UTF-8 that was read as another encoding
    markup     records with HTML entities or tags
    title_only records with a title and no text
    untitled   records with a text and no title
    title_twice  records whose text begins with their title, so that title and text count it twice
    upper_case records without a lower-case letter
    splits     how many records name each split in their metadata
    keys       how many records have each metadata key
    words      of all records, and most_words of one
    """

    records: int = 0
    empty: Tally = field(default_factory=Tally)
    converted: Tally = field(default_factory=Tally)
    made_texts: Tally = field(default_factory=Tally)
    replaced: Tally = field(default_factory=Tally)
    damaged: Tally = field(default_factory=Tally)
    mojibake: Tally = field(default_factory=Tally)
    markup: Tally = field(default_factory=Tally)
    title_only: Tally = field(default_factory=Tally)
    untitled: Tally = field(default_factory=Tally)
    title_twice: Tally = field(default_factory=Tally)
    upper_case: Tally = field(default_factory=Tally)
    splits: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    words: int = 0
    most_words: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ImportFacts:
        """Read what `to_json` gave."""
        values = {field.name: value[field.name] for field in fields(cls)}
        tallies = {field.name: Tally(**values[field.name]) for field in fields(cls) if field.default_factory is Tally}
        return cls(**{**values, **tallies})


def import_texts(records: Iterable[Record], folder: Path, source: str) -> ImportFacts:
    """Write records into a folder that `Texts.open` maps; return what was seen on the way.

    Memory is one batch, and a block of ids while they are sorted. The digest is that of `Texts.digest`.
    source  what errors call the records' place, completed by `:line`
    Raises DataError for an id that occurs twice, naming both lines.
    """
    facts, digester = ImportFacts(), Digester()
    source_names: dict[str, str] = {}
    files: list[tuple[int, str]] = []  # the row where each file begins, and its name
    stream = iter(records)
    first = next(stream, None)
    # A table's columns are known from its header, so from its first record.
    is_table = first is not None and bool(first.columns)
    names = tuple(first.columns if first is not None and first.columns else _COLUMNS)
    filled, keys = dict.fromkeys(names, 0), dict[str, int]()
    for name in select_digest_columns(names, is_table):
        digester.add(name)
    with TextsWriter(folder, (*names, METADATA)) as writer:
        for record in chain(() if first is None else (first,), stream):
            if (record.columns and tuple(record.columns) != names) or (not record.columns and names != _COLUMNS):
                raise DataError(_describe_other_columns(record, names, source))
            id, columns = _clean_record(record, facts, source)
            digester.add(make_digest_record(id, columns))
            if not files or files[-1][1] != (record.file or source):
                files.append((writer.rows, record.file or source))
            fingerprint = _count_oddities(id, columns, facts, is_table)
            body = hash_text(columns["text"]) if not is_table and columns["title"] else fingerprint
            source_names.update(record.source_names)
            count_keys(keys, record.metadata)
            for name in names:
                filled[name] += not columns[name].isspace() and columns[name] != ""
            writer.add(id, columns, record.line, fingerprint, body)
    facts.records = writer.rows
    _refuse_duplicates(Ids.complete(folder), writer.read_lines(), files)
    writer.forget_lines()
    text_fields = TextFields(filled, keys, source_names, is_table)
    description: dict[str, Any] = {"digest": digester.hexdigest(), "readable": text_fields.to_json()}
    description |= {"whole": True} if is_table else {}
    (folder / "texts.json").write_text(json.dumps(description), encoding="utf-8")
    return facts


def _clean_record(record: Record, facts: ImportFacts, source: str) -> tuple[str, dict[str, str]]:
    """Return the id and the columns as they are stored, and count what is odd about them."""
    id = record.id
    if record.converted_id:
        facts.converted.add(id)
    if record.converted_text:
        facts.made_texts.add(id)
    if _SURROGATE.search(id):
        raise DataError(f"{record.file or source}:{record.line}: the id {id!r} has half a character (a lone surrogate)")
    metadata = json.dumps(record.metadata, ensure_ascii=False) if record.metadata else ""
    columns = {**(record.columns or dict(zip(_COLUMNS, (record.title, record.text), strict=True))), METADATA: metadata}
    if not all(value.isascii() for value in columns.values()):
        mended = {name: _SURROGATE.sub(_REPLACEMENT, value) for name, value in columns.items()}
        if mended != columns:
            facts.replaced.add(id)
        columns = mended
        if any(_REPLACEMENT in value for value in columns.values()):
            facts.damaged.add(id)
    split = record.metadata.get("split")
    if isinstance(split, str):
        facts.splits[split] = facts.splits.get(split, 0) + 1
    for key in record.metadata:
        facts.keys[key] = facts.keys.get(key, 0) + 1
    return id, columns


def _count_oddities(id: str, columns: Mapping[str, str], facts: ImportFacts, is_table: bool) -> int:
    """Count what is odd about a record's text; return its fingerprint. In a table no column is a title."""
    values = [value for name, value in columns.items() if name != METADATA]
    text = " ".join(values)
    words = len(text.split())
    facts.words += words
    facts.most_words = max(facts.most_words, words)
    if not words:
        facts.empty.add(id)
        return 0
    if not text.isascii() and _MOJIBAKE.search(text):
        facts.mojibake.add(id)
    if ("&" in text or "<" in text) and _MARKUP.search(text):
        facts.markup.add(id)
    if text.isupper():
        facts.upper_case.add(id)
    if not is_table:
        title, body = columns["title"].strip(), columns["text"].strip()
        if not title:
            facts.untitled.add(id)
        elif not body:
            facts.title_only.add(id)
        elif body.startswith(title):
            facts.title_twice.add(id)
    return hash_text(text)


def _describe_other_columns(record: Record, names: Sequence[str], source: str) -> str:
    where, columns = f"{record.file or source}:{record.line}", ", ".join(record.columns or _COLUMNS)
    return f"{where}: has columns {columns}; expected {', '.join(names)}, as in the first file"


def _refuse_duplicates(ids: Ids, lines: NDArray[np.int64], files: Sequence[tuple[int, str]]) -> None:
    """Raise DataError naming both places of each id that occurs twice; `files` says in which row each file begins."""
    starts = [start for start, _ in files]

    def name_place(row: int) -> str:
        return f"{files[bisect_right(starts, row) - 1][1]}:{lines[row]}"

    repeated = sorted(ids.find_duplicates(), key=lambda pair: pair[1])
    if repeated:
        messages = []
        for first, second in repeated[:_MAX_EXAMPLES]:
            start, end = name_place(first), name_place(second)
            same_file = start.rpartition(":")[0] == end.rpartition(":")[0]
            end = f":{lines[second]}" if same_file else end
            messages.append(f"{start} and {end}: id '{ids[first]}' occurs twice")
        if len(repeated) > _MAX_EXAMPLES:
            messages.append(f"{files[0][1]}: {len(repeated) - _MAX_EXAMPLES:,} more repeated ids")
        raise DataError(*messages)
