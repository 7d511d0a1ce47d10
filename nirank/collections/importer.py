"""The importer: records in, memory-mapped Arrow out, in one pass and bounded memory."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from nirank.collections.records import Record
from nirank.collections.texts import METADATA, digest_record
from nirank.errors import DataError
from nirank.identity import Digester
from nirank.ids import Ids

VERSION = 1  # raised when the same records would be written otherwise

_BATCH_ROWS = 8192
_BATCH_CHARACTERS = 16_000_000
_SHOWN = 3
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
_COLUMNS = ("title", "text", METADATA)
_SCHEMA = pa.schema([(name, pa.large_string()) for name in _COLUMNS])


@dataclass
class Tally:
    """How many records have something in common, and what the first few are."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < _SHOWN:
            self.examples.append(example)


@dataclass
class ImportFacts:
    """What only the importer sees, or what it would be slow to look for again.

    empty      records whose title and text are blank
    converted  ids that were numbers
    replaced   records with halves of characters (lone surrogates), now U+FFFD
    damaged    records with U+FFFD, the sign of text decoded wrongly; the replaced are among them
    splits     how many records name each split in their metadata
    """

    records: int = 0
    empty: Tally = field(default_factory=Tally)
    converted: Tally = field(default_factory=Tally)
    replaced: Tally = field(default_factory=Tally)
    damaged: Tally = field(default_factory=Tally)
    splits: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ImportFacts:
        """Read what `to_json` gave."""
        tallies = {name: Tally(**value[name]) for name in ("empty", "converted", "replaced", "damaged")}
        return cls(records=value["records"], splits=value["splits"], **tallies)


def import_texts(records: Iterable[Record], folder: Path, source: str) -> ImportFacts:
    """Write records into a folder that `Texts.open` maps; return what was seen on the way.

    Memory is one batch, and the ids for their sorting. The digest is that of `Texts.digest`.
    source  what errors call the records' place, completed by `:line`
    Raises DataError for an id that occurs twice, naming both lines.
    """
    facts, running, lines = ImportFacts(), Digester(), array("q")
    ids: list[pa.Array] = []
    with (
        pa.OSFile(str(folder / "texts.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, _SCHEMA) as writer,
    ):
        batch = _Batch()
        for record in records:
            id, columns = _clean(record, facts, source)
            running.add(digest_record(id, columns))
            lines.append(record.where)
            batch.add(id, columns)
            if batch.full:
                ids.append(batch.write(writer))
                batch = _Batch()
        ids.append(batch.write(writer))
    facts.records = len(lines)
    table = Ids(pa.chunked_array(ids, pa.large_string()))
    _refuse_duplicates(table, lines, source)
    table.save(folder)
    (folder / "texts.json").write_text(json.dumps({"digest": running.hexdigest()}))
    return facts


class _Batch:
    """Rows on their way into one Arrow record batch."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.columns: tuple[list[str], ...] = tuple([] for _ in _COLUMNS)
        self.characters = 0

    def add(self, id: str, columns: dict[str, str]) -> None:
        self.ids.append(id)
        for values, value in zip(self.columns, columns.values(), strict=True):
            values.append(value)
            self.characters += len(value)

    @property
    def full(self) -> bool:
        return len(self.ids) >= _BATCH_ROWS or self.characters >= _BATCH_CHARACTERS

    def write(self, writer: Any) -> pa.Array:
        if self.ids:
            arrays = [pa.array(values, pa.large_string()) for values in self.columns]
            writer.write_batch(pa.record_batch(arrays, schema=_SCHEMA))
        return pa.array(self.ids, pa.large_string())


def _clean(record: Record, facts: ImportFacts, source: str) -> tuple[str, dict[str, str]]:
    """Return the id and the columns as they are stored, and count what is odd about them."""
    id = record.id
    if not isinstance(id, str):
        id = str(id)
        facts.converted.add(id)
    if _SURROGATE.search(id):
        raise DataError(f"{source}:{record.where}: the id {id!r} has half a character (a lone surrogate)")
    metadata = json.dumps(record.metadata, ensure_ascii=False) if record.metadata else ""
    columns = dict(zip(_COLUMNS, (record.title, record.text, metadata), strict=True))
    if not all(value.isascii() for value in columns.values()):
        mended = {name: _SURROGATE.sub(_REPLACEMENT, value) for name, value in columns.items()}
        if mended != columns:
            facts.replaced.add(id)
        columns = mended
        if any(_REPLACEMENT in value for value in columns.values()):
            facts.damaged.add(id)
    if not (columns["title"].strip() or columns["text"].strip()):
        facts.empty.add(id)
    split = record.metadata.get("split")
    if isinstance(split, str):
        facts.splits[split] = facts.splits.get(split, 0) + 1
    return id, columns


def _refuse_duplicates(ids: Ids, lines: array[int], source: str) -> None:
    twice = sorted(ids.duplicates(), key=lambda pair: pair[1])
    if twice:
        said = [f"{source}:{lines[a]} and :{lines[b]}: id '{ids[a]}' occurs twice" for a, b in twice[:_SHOWN]]
        if len(twice) > _SHOWN:
            said.append(f"{source}: {len(twice) - _SHOWN:,} more repeated ids")
        raise DataError(*said)
