"""Groups: of each query every epoch draws one positive and some negatives anew, as for topics with many of both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.training.coded_texts import CodedTexts
from nirank.training.examples import Examples, read_table, write_table

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """What an epoch's examples are drawn from. Every distinct text is held once.

    texts         the distinct texts, (n_texts,)
    queries       (n,) int64, rows of `texts`
    positives     (n_positives,) int64, those of query i from positive_offsets[i] on
    negatives     (n_negatives,) int64, those of query i from offsets[i] on
    known         as of `Examples`
    size          negatives of an example
    query_ids, positive_ids   for people
    counts        what was read, kept and removed, by reason
    """

    texts: pa.Array
    queries: Rows
    positive_offsets: Rows
    positives: Rows
    offsets: Rows
    negatives: Rows
    known: Rows
    size: int
    query_ids: Sequence[str]
    positive_ids: Sequence[str]
    counts: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)

    def draw(self, epochs: int, seed: int) -> Examples:
        """Return the examples of some epochs, one a query in each; those of epoch e from e × n on.

        An epoch's draws depend on the seed and its number alone. Where a query has too few negatives, they repeat.
        """
        positives: list[int] = []
        negatives: list[Rows] = []
        for epoch in range(epochs):
            random = np.random.default_rng([seed, epoch])
            for query in range(len(self)):
                positives.append(int(random.integers(*self.positive_offsets[query : query + 2])))
                pool = self.negatives[slice(*self.offsets[query : query + 2].tolist())]
                negatives.append(random.choice(pool, self.size, replace=len(pool) < self.size))
        n = len(self) * epochs
        return Examples(
            self.texts,
            np.tile(self.queries, epochs),
            self.positives[np.array(positives, np.int64)],
            np.arange(n + 1) * self.size,
            np.concatenate(negatives),
            None,
            self.known,
            list(self.query_ids) * epochs,
            [self.positive_ids[at] for at in positives],
            self.counts,
        )

    def save(self, folder: Path) -> None:
        """Write texts.arrow, groups.json, and the arrays."""
        write_table(folder / "texts.arrow", pa.table({"text": self.texts}))
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        header = {"size": self.size, "counts": dict(self.counts)}
        ids = {"query_ids": list(self.query_ids), "positive_ids": list(self.positive_ids)}
        (folder / "groups.json").write_text(json.dumps({**header, **ids}) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Groups:
        """Read what `save` wrote; texts stay on disk, memory-mapped."""
        texts = read_table(folder / "texts.arrow")["text"].combine_chunks()
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _ARRAYS}
        return cls(texts=texts, **arrays, **json.loads((folder / "groups.json").read_text(encoding="utf-8")))


_ARRAYS = ("queries", "positive_offsets", "positives", "offsets", "negatives", "known")


def open_training_set(folder: Path) -> Examples | Groups | CodedTexts:
    """Read the examples of a folder, what they are drawn from, or coded texts."""
    kinds: dict[str, type[Groups] | type[CodedTexts]] = {"groups.json": Groups, "codes.json": CodedTexts}
    kind = next((kind for name, kind in kinds.items() if (folder / name).is_file()), Examples)
    return kind.open(folder)
