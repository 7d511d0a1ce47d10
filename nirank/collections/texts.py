"""Texts: one side of a collection, columns in memory-mapped Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.identity import Digester
from nirank.ids import Ids, take_rows
from nirank.pairs import Rows

View = tuple[str, ...] | str  # how an option names a text view
TITLE_AND_TEXT = ("title", "text")
METADATA = "metadata"  # the one column that is not text: a JSON object per row, '' where there is none
_SLICE = 4096  # rows turned into Python strings at a time


class Texts:
    """Documents or queries: ids, text columns, metadata, and for made texts the row they were made from.

    ids      the id table, rows 0 … n-1
    columns  {name: (n,) strings}; `title` and `text` are the usual ones, `metadata` holds JSON
    parents  (n,) rows of the side that these texts were made from (passages, rewritten queries);
             None for texts that were not made
    digest   of the content, computed when first asked for unless an importer knows it already

    Texts without a `title` and a `text` column, such as records of a table, are seen whole by the
    default view: all columns joined.
    """

    def __init__(
        self,
        ids: Ids,
        columns: Mapping[str, pa.ChunkedArray],
        parents: NDArray[np.integer] | None = None,
        digest: str | None = None,
        fingerprints: NDArray[np.uint64] | None = None,
    ) -> None:
        self.ids = ids
        self.columns = dict(columns)
        self.parents = parents
        self._digest = digest
        self._fingerprints = fingerprints

    @classmethod
    def of(cls, records: Mapping[str, str | Mapping[str, Any]]) -> Texts:
        """Make texts in memory from {id: text} or {id: {title, text, metadata, …}}."""
        whole = [{"text": value} if isinstance(value, str) else dict(value) for value in records.values()]
        return cls.from_columns(Ids.of(records), whole)

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

    def metadata(self, key: str) -> Iterator[Any]:
        """Yield one metadata key of every row, None where a row lacks it."""
        if METADATA not in self.columns:
            yield from (None for _ in range(len(self)))
            return
        named = json.dumps(key, ensure_ascii=False)  # spares decoding rows that lack it
        for start in range(0, len(self), _SLICE):
            for value in self.columns[METADATA].slice(start, _SLICE).to_pylist():
                yield json.loads(value).get(key) if named in value else None

    def text_columns(self) -> tuple[str, ...]:
        """Return the names of the text columns."""
        return tuple(name for name in self.columns if name != METADATA)

    def read(self, view: TextView, rows: Rows | None = None) -> Iterator[str]:
        """Yield what a model sees of each row (of all, or of those given), a slice at a time."""
        if view.columns == TITLE_AND_TEXT and not view.template and not set(view.columns) & set(self.columns):
            view = TextView(self.text_columns())
        missing = [name for name in view.columns if name not in self.columns]
        if missing and (view.template is not None or len(missing) == len(view.columns)):
            raise DataError(
                f"text view {view}: there is no column '{missing[0]}'; expected one of {', '.join(self.text_columns())}"
            )
        columns = [self.columns[name] for name in view.columns if name in self.columns]
        for start in range(0, len(self) if rows is None else len(rows), _SLICE):
            if rows is None:
                part = [column.slice(start, _SLICE).to_pylist() for column in columns]
            else:
                part = [take_rows(column, rows[start : start + _SLICE]).to_pylist() for column in columns]
            yield from view.join(part)

    def take(self, rows: Rows) -> Texts:
        """Return some rows, in the order asked for, as texts of their own."""
        columns = {name: take_rows(column, rows) for name, column in self.columns.items()}
        return Texts(
            Ids(self.ids.arrow(rows)), columns, None if self.parents is None else np.asarray(self.parents)[rows]
        )

    @property
    def digest(self) -> str:
        """Content digest: of ids, columns, metadata and parents, in row order."""
        if self._digest is None:
            running = Digester()
            for record in self._records():
                running.add(record)
            self._digest = running.hexdigest()
        return self._digest

    def _records(self) -> Iterator[list[Any]]:
        """Yield each row in the form that is digested: [id, {non-empty columns}] and the parent, if any."""
        names = sorted(self.columns)
        for start in range(0, len(self), _SLICE):
            ids = self.ids.take(np.arange(start, min(start + _SLICE, len(self))))
            part = [self.columns[name].slice(start, _SLICE).to_pylist() for name in names]
            for i, id in enumerate(ids):
                record: list[Any] = digest_record(id, {name: part[j][i] for j, name in enumerate(names)})
                yield record if self.parents is None else [*record, int(self.parents[start + i])]

    @property
    def fingerprints(self) -> NDArray[np.uint64]:
        """A hash of each row's text, (n,) uint64: equal for texts that differ in case and blanks only; 0: no text."""
        if self._fingerprints is None:
            whole = self.read(TextView(self.text_columns()))
            self._fingerprints = np.fromiter(map(fingerprint, whole), np.uint64, len(self))
        return self._fingerprints

    @cached_property
    def empty(self) -> NDArray[np.bool_]:
        """Rows whose text columns are all blank, (n,) bool."""
        blank = np.ones(len(self), np.bool_)
        for name in self.text_columns():
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
        (folder / "texts.json").write_text(json.dumps({"digest": self.digest}))

    @classmethod
    def open(cls, folder: Path) -> Texts:
        """Map what `save` or the importer wrote."""
        table = pa.ipc.open_file(pa.memory_map(str(folder / "texts.arrow"))).read_all()
        parents, prints = folder / "parents.npy", folder / "fingerprints.npy"
        return cls(
            Ids.open(folder),
            {name: table[name] for name in table.column_names},
            np.load(parents, mmap_mode="r") if parents.exists() else None,
            json.loads((folder / "texts.json").read_text())["digest"],
            np.load(prints, mmap_mode="r") if prints.exists() else None,
        )


def digest_record(id: str, columns: Mapping[str, str]) -> list[Any]:
    """Return the form in which a row is digested; an absent column and an empty one are the same."""
    return [id, {name: value for name, value in columns.items() if value}]


def fingerprint(text: str) -> int:
    """Return a 64-bit hash of a text in lower case with single blanks; 0 for a blank one."""
    words = text.casefold().split()
    return int.from_bytes(blake2b(" ".join(words).encode("utf-8", "replace"), digest_size=8).digest()) if words else 0


class TextView:
    """Which text a model sees of a document or query.

    Either a tuple of columns, those that exist and are not blank stripped and joined by one
    blank (BEIR's convention for title and text), or a template such as `"title: {title} {text}"`.
    """

    def __init__(self, spec: str | Sequence[str]) -> None:
        import string

        self.template = spec if isinstance(spec, str) and "{" in spec else None
        if self.template is not None:
            self.columns = tuple(
                dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(self.template) if name)
            )
        else:
            self.columns = (spec,) if isinstance(spec, str) else tuple(spec)

    def join(self, columns: Sequence[Sequence[str]]) -> list[str]:
        """Join column values, each (m,), into m texts."""
        if self.template is not None:
            return [
                self.template.format(**dict(zip(self.columns, (v.strip() for v in values), strict=True))).strip()
                for values in zip(*columns, strict=True)
            ]
        if len(columns) == 1:
            return [value.strip() for value in columns[0]]
        return [" ".join(filter(None, (v.strip() for v in values))) for values in zip(*columns, strict=True)]

    def __str__(self) -> str:
        return self.template if self.template is not None else "+".join(self.columns)
