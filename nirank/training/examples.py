"""Examples: what models are trained on, as a file holds it: queries, positives, negatives and a teacher's scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.flow.pairs import concatenate_ranges


@dataclass(frozen=True, eq=False)
class Examples:
    """Training examples. Every distinct text is held once.

    texts      the distinct texts, (n_texts,)
    queries    (n,) int64, rows of `texts`
    positives  (n,) int64, rows of `texts`
    offsets    (n + 1,) int64: example i's negatives are negatives[offsets[i]:offsets[i + 1]], hardest first
    negatives  (n_negatives,) int64, rows of `texts`
    scores     a teacher's scores: (n + n_negatives,) float32, those of example i from offsets[i] + i on, its positive
               first; None: there is no teacher
    known      (n_known, 2) int64: all known positives, as (query text, positive text), equal texts' included: never
               a negative of that query, wherever in a batch they stand
    query_ids, positive_ids   (n,) ids, for people; '' where a file has none
    counts     what was read, kept and removed, by reason
    """

    texts: pa.Array
    queries: NDArray[np.int64]
    positives: NDArray[np.int64]
    offsets: NDArray[np.int64]
    negatives: NDArray[np.int64]
    scores: NDArray[np.float32] | None
    known: NDArray[np.int64]
    query_ids: Sequence[str]
    positive_ids: Sequence[str]
    counts: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What is learned beside the texts, as arrays."""
        scores = np.empty(0, np.float32) if self.scores is None else self.scores
        return self.queries, self.positives, self.offsets, self.negatives, self.known, scores

    def negatives_of(self, at: int) -> NDArray[np.int64]:
        """Return the negatives of one example, rows of `texts`."""
        return self.negatives[self.offsets[at] : self.offsets[at + 1]]

    def select(self, rows: NDArray[np.int64]) -> Examples:
        """Return some of the examples, by number; texts stay as they are."""
        lengths = np.diff(self.offsets)[rows]
        scores = None
        if self.scores is not None:
            scores = self.scores[concatenate_ranges(self.offsets[rows] + rows, lengths + 1)]
        return replace(
            self,
            queries=self.queries[rows],
            positives=self.positives[rows],
            offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            negatives=self.negatives[concatenate_ranges(self.offsets[rows], lengths)],
            scores=scores,
            query_ids=[self.query_ids[row] for row in rows],
            positive_ids=[self.positive_ids[row] for row in rows],
        )

    def save(self, folder: Path) -> None:
        """Write texts.arrow, examples.arrow and known.npy, and examples.json with the counts."""
        write_table(folder / "texts.arrow", pa.table({"text": self.texts}))
        rows = pa.table(
            {
                "query": self.queries,
                "positive": self.positives,
                "negatives": _make_lists(self.offsets, self.negatives),
                "query_id": pa.array(self.query_ids, pa.string()),
                "positive_id": pa.array(self.positive_ids, pa.string()),
            }
        )
        if self.scores is not None:
            scores = _make_lists(self.offsets + np.arange(len(self.offsets)), self.scores)
            rows = rows.append_column("scores", scores)
        write_table(folder / "examples.arrow", rows)
        np.save(folder / "known.npy", self.known, allow_pickle=False)
        (folder / "examples.json").write_text(json.dumps({"counts": dict(self.counts)}, indent=1) + "\n")

    @classmethod
    def open(cls, folder: Path) -> Examples:
        """Read what `save` wrote; texts stay on disk, memory-mapped."""
        rows = read_table(folder / "examples.arrow")
        lists = rows["negatives"].combine_chunks()
        scores = rows["scores"].combine_chunks().values.to_numpy() if "scores" in rows.column_names else None
        header: dict[str, Any] = json.loads((folder / "examples.json").read_text())
        return cls(
            read_table(folder / "texts.arrow")["text"].combine_chunks(),
            rows["query"].to_numpy(),
            rows["positive"].to_numpy(),
            lists.offsets.to_numpy().astype(np.int64),
            lists.values.to_numpy(),
            scores,
            np.load(folder / "known.npy", mmap_mode="r", allow_pickle=False),
            rows["query_id"].to_pylist(),
            rows["positive_id"].to_pylist(),
            header["counts"],
        )


def _make_lists(offsets: NDArray[np.int64], values: NDArray[Any]) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values))


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow file."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def read_table(path: Path) -> pa.Table:
    """Read an Arrow file, which stays on disk, memory-mapped."""
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()
