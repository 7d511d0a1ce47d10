"""Texts: one side of a collection, columns in memory-mapped Arrow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.base.identity import Digester
from nirank.collections.text_fields import METADATA, TextFields, value_to_text
from nirank.collections.text_rows import TextRows
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.flow.ids import Ids, take_rows
from nirank.flow.pairs import Rows

_SLICE = 4096  # rows turned into Python strings at a time,
_SLICE_BYTES = 1 << 22  # or fewer where they are long


class Texts:
    """Documents or queries: ids, text columns, metadata, and for made texts the row they were made from.

    ids      the id table, rows 0 … n-1
    columns  {name: (n,) strings}; `title` and `text` are the usual ones, `metadata` holds JSON
    parents  (n,) rows of the side that these texts were made from (passages, rewritten queries);
             None for texts that were not made
    digest   of the content; computed when first asked for unless an importer knows it already
    text_fields        what text views can name here; computed when first asked for unless an importer knows it already
    reads_all_columns  whether these are records whose columns are all text, so that the default view reads all of them

    ranges             the texts by ranges of rows, in order, where a plan is to search them one by one; (): it is not
    place              where they were mapped from, a folder that may be gone by now; None for texts made in memory

    Of texts without a `title` and a `text` column, such as records of a table, the default view
    reads all columns, joined.
    """

    def __init__(
        self,
        ids: Ids,
        columns: Mapping[str, pa.ChunkedArray],
        parents: NDArray[np.integer] | None = None,
        digest: str | None = None,
        fingerprints: NDArray[np.uint64] | None = None,
        text_fields: TextFields | None = None,
        body_fingerprints: NDArray[np.uint64] | None = None,
        reads_all_columns: bool = False,
    ) -> None:
        self.ids = ids
        self.columns = dict(columns)
        self.parents = parents
        self._digest = digest
        self._fingerprints = fingerprints
        self._text_fields = text_fields
        self._body_fingerprints = body_fingerprints
        self.reads_all_columns = reads_all_columns
        self._parent_fields: TextFields | None = None  # of the texts that these were taken from
        self.ranges: tuple[Texts, ...] = ()
        self.place: TextRows | None = None
        self.dates: dict[str, Any] = {}  # as `get_dates` read them, by key
        self.read_dates: Callable[[Texts, str], Any] | None = None  # reads dates that are stored; None: no store

    @classmethod
    def of(cls, records: Mapping[str, str | Mapping[str, Any]]) -> Texts:
        """Make texts in memory from {id: text} or {id: {title, text, metadata, …}}."""
        rows = [{"text": value} if isinstance(value, str) else dict(value) for value in records.values()]
        return cls.from_columns(Ids.of(records), rows)

    @classmethod
    def from_columns(
        cls, ids: Ids, records: Sequence[Mapping[str, Any]], parents: NDArray[np.integer] | None = None
    ) -> Texts:
        """Make texts in memory from one mapping a row; absent and None values become empty text."""
        names = dict.fromkeys(name for record in records for name in record)
        columns = {}
        for name in names or {"text": None}:
            values = [record.get(name) for record in records]
            if name == METADATA:
                values = [json.dumps(value, ensure_ascii=False) if value else "" for value in values]
            columns[name] = pa.chunked_array([pa.array([value or "" for value in values], pa.large_string())])
        return cls(ids, columns, parents)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<Texts: {len(self)} rows, columns {', '.join(self.columns)}>"

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Return one row as {'id', columns…, 'metadata'}."""
        record = {name: column[int(row)].as_py() for name, column in self.columns.items()}
        if METADATA in record:
            record[METADATA] = json.loads(record[METADATA] or "{}")
        return {"id": self.ids[row], **record}

    def read_metadata(self, key: str) -> Iterator[Any]:
        """Yield one metadata key of every row, None where a row lacks it."""
        if METADATA not in self.columns:
            yield from (None for _ in range(len(self)))
            return
        quoted = json.dumps(key, ensure_ascii=False)  # spares decoding rows that lack it
        for start in range(0, len(self), self._slice_rows):
            for value in self.columns[METADATA].slice(start, self._slice_rows).to_pylist():
                yield json.loads(value).get(key) if quoted in value else None

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The names of the text columns."""
        return tuple(name for name in self.columns if name != METADATA)

    @property
    def text_fields(self) -> TextFields:
        """What text views can name here."""
        if self._text_fields is None:
            columns = {name: self._read_column(name) for name in self.text_columns}
            metadata = self._read_column(METADATA) if METADATA in self.columns else ()
            self._text_fields = replace(
                TextFields.of(columns, metadata, self._parent_fields), reads_all_columns=self.reads_all_columns
            )
        return self._text_fields

    def _read_column(self, name: str) -> Iterator[str]:
        for start in range(0, len(self), self._slice_rows):
            yield from self.columns[name].slice(start, self._slice_rows).to_pylist()

    def find_fields(self, view: TextView) -> tuple[str, ...]:
        """Return the columns and metadata keys that a view reads here; raises DataError for one that is not there."""
        columns = self.text_columns
        if view.is_default:
            return view.select_default_columns(columns, self.reads_all_columns)
        if set(view.columns) <= set(columns):  # without a look at metadata
            return view.columns
        return self.text_fields.find_fields(view.columns, f"text view {view}")

    def read(self, view: TextView, rows: Rows | None = None) -> Iterator[str]:
        """Yield what a model sees of each row (of all, or of those given), a slice at a time."""
        n = len(self) if rows is None else len(rows)
        names = self.find_fields(view) if n else ()
        for start in range(0, n, self._slice_rows):
            part = slice(start, start + self._slice_rows) if rows is None else rows[start : start + self._slice_rows]
            yield from view.join(self._read_fields(names, part), names)

    def _read_fields(self, names: Sequence[str], part: slice | Rows) -> list[list[str]]:
        """Return the text of some rows, a list for each column or metadata key."""
        metadata = [name for name in names if name not in self.columns]
        texts = {name: self._read_part(name, part) for name in names if name in self.columns}
        if metadata:
            records = [json.loads(value) if value else {} for value in self._read_part(METADATA, part)]
            texts |= {name: [value_to_text(record.get(name)) for record in records] for name in metadata}
        return [texts[name] for name in names]

    def _read_part(self, name: str, part: slice | Rows) -> list[str]:
        column = self.columns[name]
        cells = column.slice(part.start, self._slice_rows) if isinstance(part, slice) else take_rows(column, part)
        values: list[str] = cells.to_pylist()
        return values

    def take(self, rows: Rows, text_fields: TextFields | None = None) -> Texts:
        """Return some rows, in the order asked for, as texts of their own.

        text_fields  what text views can name there, where these rows alone do not tell
        """
        columns = {name: take_rows(column, rows) for name, column in self.columns.items()}
        parents = None if self.parents is None else np.asarray(self.parents)[rows]
        texts = Texts(
            Ids(self.ids.take_arrow(rows)),
            columns,
            parents,
            text_fields=text_fields,
            reads_all_columns=self.reads_all_columns,
        )
        texts._parent_fields = self._text_fields or self._parent_fields
        return texts

    def take_range(self, first: int, last: int, digest: str | None = None, order: Any = None) -> Texts:
        """Return the rows from `first` to below `last` as texts of their own, of which nothing is copied.

        digest, order  of these rows, where they are known
        What text views can name there is what they can name here: other rows may have it.
        """
        part = slice(first, last)
        hashes = (None if values is None else values[part] for values in (self._fingerprints, self._body_fingerprints))
        fingerprints, body_fingerprints = hashes
        texts = Texts(
            Ids(self.ids.strings.slice(first, last - first), order),
            {name: column.slice(first, last - first) for name, column in self.columns.items()},
            None if self.parents is None else self.parents[part],
            digest,
            fingerprints,
            self.text_fields,
            body_fingerprints,
            self.reads_all_columns,
        )
        if self.place is not None:
            start = self.place.first
            texts.place = TextRows(self.place.folder, start + first, start + last, digest, order)
        return texts

    @cached_property
    def _slice_rows(self) -> int:
        """How many rows are turned into Python strings at a time."""
        size = sum(column.nbytes for column in self.columns.values())
        return max(min(_SLICE, int(_SLICE_BYTES * len(self) // max(size, 1))), 1)

    @property
    def digest(self) -> str:
        """Content digest: of ids, columns, metadata and parents, in row order; of a table's columns in their order."""
        if self._digest is None:
            running = Digester()
            for name in select_digest_columns(self.columns, self.reads_all_columns):
                running.add(name)
            for record in self._iterate_digest_records():
                running.add(record)
            self._digest = running.hexdigest()
        return self._digest

    def _iterate_digest_records(self) -> Iterator[list[Any]]:
        """Yield each row in the form that is digested: [id, {non-empty columns}] and the parent, if any."""
        names = sorted(self.columns)
        for start in range(0, len(self), self._slice_rows):
            ids = self.ids.take(np.arange(start, min(start + self._slice_rows, len(self))))
            part = [self.columns[name].slice(start, self._slice_rows).to_pylist() for name in names]
            for i, id in enumerate(ids):
                record: list[Any] = make_digest_record(id, {name: part[j][i] for j, name in enumerate(names)})
                yield record if self.parents is None else [*record, int(self.parents[start + i])]

    @property
    def fingerprints(self) -> NDArray[np.uint64]:
        """A hash of each row's text, (n,) uint64: equal for texts that differ in case and blanks only; 0: no text."""
        if self._fingerprints is None:
            texts = self.read(TextView(self.text_columns))
            self._fingerprints = np.fromiter(map(hash_text, texts), np.uint64, len(self))
        return self._fingerprints

    @property
    def body_fingerprints(self) -> NDArray[np.uint64]:
        """As `fingerprints`, of the text without its title, (n,) uint64."""
        if self._body_fingerprints is None:
            if {"title", "text"} <= set(self.columns) and not self.reads_all_columns:
                self._body_fingerprints = np.fromiter(map(hash_text, self._read_column("text")), np.uint64, len(self))
            else:
                self._body_fingerprints = self.fingerprints
        return self._body_fingerprints

    @cached_property
    def blank_rows(self) -> NDArray[np.bool_]:
        """Rows whose text columns are all blank, (n,) bool."""
        blank = np.ones(len(self), np.bool_)
        for name in self.text_columns:
            trimmed = pc.utf8_trim_whitespace(self.columns[name])
            blank &= np.asarray(pc.equal(pc.utf8_length(trimmed), 0))
        return blank

    def save(self, folder: Path) -> None:
        """Write `ids.arrow`, `order.npy`, `texts.arrow` and, if there are parents, `parents.npy`."""
        self.ids.save(folder)
        table = pa.table(self.columns)
        with pa.OSFile(str(folder / "texts.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        if self.parents is not None:
            np.save(folder / "parents.npy", self.parents)
        description: dict[str, Any] = {
            "digest": self.digest,
            "readable": None if self._text_fields is None else self._text_fields.to_json(),
        }
        description |= {"whole": True} if self.reads_all_columns else {}
        (folder / "texts.json").write_text(json.dumps(description), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Texts:
        """Map what `save` or the importer wrote."""
        table = pa.ipc.open_file(pa.memory_map(str(folder / "texts.arrow"))).read_all()
        parents, fingerprints, bodies = (folder / f"{name}.npy" for name in ("parents", "fingerprints", "bodies"))
        description = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
        texts = cls(
            Ids.open(folder),
            {name: table[name] for name in table.column_names},
            np.load(parents, mmap_mode="r") if parents.exists() else None,
            description["digest"],
            np.load(fingerprints, mmap_mode="r") if fingerprints.exists() else None,
            None if description.get("readable") is None else TextFields.from_json(description["readable"]),
            np.load(bodies, mmap_mode="r") if bodies.exists() else None,
            description.get("whole", False),
        )
        texts.place = TextRows(folder.absolute(), 0, len(texts), texts._digest)
        return texts

    @classmethod
    def open_rows(cls, place: TextRows) -> Texts:
        """Map the texts that lie there."""
        whole = cls.open(place.folder)
        if (place.first, place.last) == (0, len(whole)):
            return whole
        return whole.take_range(place.first, place.last, place.digest, place.order)


def select_digest_columns(columns: Iterable[str], reads_all: bool = False) -> list[str]:
    """Return the columns whose order is part of the digest: those of a table, which is read column by column.

    Texts with a title or a text are read by name, so that there columns without values change nothing, unless they are
    read column by column all the same.
    """
    names = [name for name in columns if name != METADATA]
    return [] if not reads_all and set(names) & set(TITLE_AND_TEXT) else names


def make_digest_record(id: str, columns: Mapping[str, str]) -> list[Any]:
    """Return the form in which a row is digested; an absent column and an empty one are the same."""
    return [id, {name: value for name, value in columns.items() if value}]


def hash_text(text: str) -> int:
    """Return a 64-bit hash of a text in lower case with single blanks; 0 for a blank one."""
    words = text.casefold().split()
    return int.from_bytes(blake2b(" ".join(words).encode("utf-8", "replace"), digest_size=8).digest()) if words else 0
