"""Dense retrieval through inverted lists of clusters."""

from __future__ import annotations

from typing import Any, ClassVar

from nirank.algebra.stage import option, stage
from nirank.errors import ConfigError
from nirank.stages._ann import ApproximateDense


@stage
class IVF(ApproximateDense):
    """Dense retrieval through FAISS's IVF-Flat: the nearest clusters are searched, the others are not.

    The row says what that misses: overlap@k with exact search, measured on a sample of the queries. What is found is
    scored exactly and ordered as everywhere. Clusters are the same every time (k-means, seed fixed, one thread).

    Jégou, Douze and Schmid, IEEE TPAMI 33(1), 2011.
    """

    clusters: int = option(default=0, help="how many; 0: the square root of the number of documents")
    probes: int = option(default=16, help="clusters that are searched (nprobe)")

    by_ranges: ClassVar[bool] = True

    name = "ivf"
    source = "Jégou, Douze and Schmid, IEEE TPAMI 33(1), 2011, section 4; FAISS IndexIVFFlat"

    def check(self) -> None:
        super().check()
        if self.clusters < 0 or self.probes < 1:
            raise ConfigError(f"ivf: clusters must be 0 or more, probes 1 or more, got {self.clusters}, {self.probes}")

    def make_index(self) -> Any:
        from nirank.inference.ann import AnnIndex

        return AnnIndex("ivf", lists=self.clusters)

    def choose_width(self) -> int:
        return self.probes
