"""The documents that are long enough to write queries for, each text once."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts, hash_text
from nirank.collections.twins import group_twins
from nirank.errors import DataError

log = logging.getLogger("nirank")


@dataclass(frozen=True, eq=False)
class FilteredDocs:
    """What a filter leaves of a collection's documents.

    rows    (n,) int64, ascending
    counts  documents there were, and those left out by reason
    """

    rows: NDArray[np.int64]
    counts: Mapping[str, int]

    def save(self, folder: Path) -> None:
        """Write rows.npy and counts.json."""
        np.save(folder / "rows.npy", self.rows, allow_pickle=False)
        (folder / "counts.json").write_text(json.dumps(dict(self.counts), indent=1) + "\n")

    @classmethod
    def open(cls, folder: Path) -> FilteredDocs:
        """Read what `save` wrote."""
        rows = np.load(folder / "rows.npy", allow_pickle=False)
        return cls(rows, json.loads((folder / "counts.json").read_text()))


def filter_docs(docs: Texts, view: TextView, min_characters: int) -> FilteredDocs:
    """Leave out documents that are shorter, or have the text of an earlier one: case and blanks aside, as for twins.

    Raises DataError where none is left; warns where less than half are.
    """
    lengths, hashes = np.zeros(len(docs), np.int64), np.zeros(len(docs), np.uint64)
    for row, text in enumerate(docs.read(view)):
        lengths[row], hashes[row] = len(text.strip()), hash_text(text)
    is_long = (lengths >= min_characters) & (hashes != 0)
    is_first = group_twins(hashes) == np.arange(len(docs))
    rows = np.flatnonzero(is_long & is_first)
    longest = int(lengths.max(initial=0))
    if not len(rows):
        raise DataError(
            f"none of {len(docs):,} documents has {min_characters:,} characters or more; the longest has {longest:,}:"
            " set a lower min_characters"
        )
    if 2 * is_long.sum() < len(docs):
        log.warning(
            "%s of %s documents have %s characters or more; the others are not chosen from (min_characters)",
            f"{int(is_long.sum()):,}",
            f"{len(docs):,}",
            f"{min_characters:,}",
        )
    counts = {
        "documents": len(docs),
        f"shorter than {min_characters:,} characters": int((~is_long).sum()),
        "text of an earlier document": int((is_long & ~is_first).sum()),
    }
    return FilteredDocs(rows, counts)
