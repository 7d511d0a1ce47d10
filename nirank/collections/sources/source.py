"""What every source of a collection offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from nirank.base.files import InputFile
from nirank.collections.findings import Finding
from nirank.collections.readers.records import Record, Side
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile


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

    def get_identity(self, side: Side) -> Mapping[str, Any]:
        """Return what a side's content depends on, JSON: never paths or times."""
        ...

    def list_input_files(self, side: Side) -> Sequence[InputFile]:
        """Return the files that a side's identity speaks of, as they were when it was asked for; () where none are."""
        ...

    def describe_origin(self) -> Mapping[str, Any]:
        """Return where the data came from, for the manifest: source, files."""
        ...

    def name_side(self, side: Side) -> str:
        """Return what errors call a side: its file, where it has one."""
        ...

    def read_records(self, side: Side) -> Iterator[Record]:
        """Yield a side's records, streaming."""
        ...

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        """Return the judgement sets of a split by name, the first the main one; `queries` are those of all splits."""
        ...

    def read_candidates(self, split: str | None) -> PairsFile | None:
        """Return which documents each query may be given; None: all."""
        ...
