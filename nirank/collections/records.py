"""What readers give and the importer takes: records, and sources of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from nirank.collections.audit import Finding
from nirank.ids import Ids
from nirank.judgements import QrelsFile

Side = Literal["docs", "queries"]


class Record(NamedTuple):
    """One document or query as its source has it.

    id        a string, or a number that the importer turns into one and counts
    where     the line, or the position where there are no lines, from 1
    metadata  whatever else the source says, JSON values
    """

    id: str | int | float
    title: str
    text: str
    metadata: Mapping[str, Any]
    where: int


class Source(Protocol):
    """Where a collection comes from: a folder, an ir_datasets id, the standard library.

    name      of the collection, unless the user gives another
    splits    that have judgements; empty: no splits, all queries are declared
    findings  what is known of this source without reading it
    """

    @property
    def name(self) -> str: ...
    @property
    def splits(self) -> tuple[str, ...]: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...

    def identity(self, side: Side) -> Mapping[str, Any]:
        """Return what a side's content depends on, JSON: never paths or times."""
        ...

    def origin(self) -> Mapping[str, Any]:
        """Return where the data came from, for the manifest: source, files."""
        ...

    def label(self, side: Side) -> str:
        """Return what errors call a side: its file, where it has one."""
        ...

    def records(self, side: Side) -> Iterator[Record]:
        """Yield a side's records, streaming."""
        ...

    def judgements(self, split: str | None, queries: Ids) -> QrelsFile | None:
        """Return the judgements of a split, None if it has none; `queries` are those of all splits."""
        ...
