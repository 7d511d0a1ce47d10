"""Ranges of rows: documents cut into texts of their own, whose indexes stay when documents are appended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.collections.texts import Texts

VERSION = 1


@dataclass(frozen=True)
class RowRanges:
    """What is known of the ranges of some texts.

    size     rows of a range; the last may have fewer
    digests  of each range's content, as of texts of their own
    order    (n,) int64 the order of ids of each range, in rows counted from its first
    """

    size: int
    digests: tuple[str, ...]
    order: NDArray[np.int64]

    @classmethod
    def compute(cls, texts: Texts, size: int) -> RowRanges:
        """Read all texts, a range at a time."""
        digests, order = [], np.empty(len(texts), np.int64)
        for first in range(0, len(texts), size):
            part = texts.take_range(first, min(first + size, len(texts)))
            order[first : first + len(part)] = part.ids.order
            digests.append(part.digest)
        return cls(size, tuple(digests), order)

    def take_from(self, texts: Texts) -> tuple[Texts, ...]:
        """Return the ranges of the texts that these were computed of; none where one would hold them all."""
        if len(self.digests) < 2:
            return ()
        ends = [min((at + 1) * self.size, len(texts)) for at in range(len(self.digests))]
        starts = [0, *ends[:-1]]
        return tuple(
            texts.take_range(first, last, content, self.order[first:last])
            for first, last, content in zip(starts, ends, self.digests, strict=True)
        )

    def save(self, folder: Path) -> None:
        """Write `ranges.json` and `order.npy`."""
        (folder / "ranges.json").write_text(json.dumps({"size": self.size, "digests": self.digests}))
        np.save(folder / "order.npy", self.order)

    @classmethod
    def open(cls, folder: Path) -> RowRanges:
        """Map what `save` wrote."""
        facts = json.loads((folder / "ranges.json").read_text())
        return cls(facts["size"], tuple(facts["digests"]), np.load(folder / "order.npy", mmap_mode="r"))
