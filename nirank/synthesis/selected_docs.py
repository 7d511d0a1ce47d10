"""The documents that queries are written for, as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SelectedDocs:
    """Chosen documents of a collection.

    rows      (n,) int64, by cluster, in each in the order in which they were chosen
    clusters  (n,) int64, the cluster of each; -1: there are no clusters
    sizes     (n_clusters,) int64, documents of each cluster after the length filter
    counts    what was read and left out, by reason
    stated    what selection found out, for people: the number of clusters that was chosen and its curve …
    """

    rows: NDArray[np.int64]
    clusters: NDArray[np.int64]
    sizes: NDArray[np.int64]
    counts: Mapping[str, int] = field(default_factory=dict)
    stated: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: NDArray[np.int64]) -> SelectedDocs:
        """Return the same documents, or some of them, in another order."""
        return replace(self, rows=self.rows[places], clusters=self.clusters[places])

    def save(self, folder: Path) -> None:
        """Write the arrays and selected.json."""
        for name in ("rows", "clusters", "sizes"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        header = {"counts": dict(self.counts), "stated": dict(self.stated)}
        (folder / "selected.json").write_text(json.dumps(header, indent=1) + "\n")

    @classmethod
    def open(cls, folder: Path) -> SelectedDocs:
        """Read what `save` wrote."""
        rows, clusters, sizes = (
            np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("rows", "clusters", "sizes")
        )
        header = json.loads((folder / "selected.json").read_text())
        return cls(rows, clusters, sizes, header["counts"], header["stated"])
