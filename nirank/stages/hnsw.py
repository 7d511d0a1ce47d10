"""Dense retrieval through a navigable small-world graph."""

from __future__ import annotations

from typing import Any, ClassVar

from nirank.algebra.stage import option, stage
from nirank.errors import ConfigError
from nirank.stages._ann import ApproximateDense


@stage
class HNSW(ApproximateDense):
    """Dense retrieval through FAISS's HNSW graph: fast, and some neighbours are missed.

    The row says how many: overlap@k with exact search, measured on a sample of the queries. What is found is scored
    exactly and ordered as everywhere. The graph is built by one thread, so it is the same every time.

    Malkov and Yashunin, IEEE TPAMI 42(4), 2020.
    """

    links: int = option(default=32, help="links of a node (M)")
    build_width: int = option(default=200, help="width of the search while building (efConstruction)")
    search_width: int = option(default=1000, help="width of a search (efSearch), at least its depth")

    by_ranges: ClassVar[bool] = True

    name = "hnsw"
    source = "Malkov and Yashunin, IEEE TPAMI 42(4), 2020; FAISS IndexHNSWFlat"

    def check(self) -> None:
        super().check()
        if self.links < 2 or self.build_width < 1 or self.search_width < 1:
            raise ConfigError("hnsw: links must be 2 or more, build_width and search_width 1 or more")

    def make_index(self) -> Any:
        from nirank.inference.ann import AnnIndex

        return AnnIndex("hnsw", self.links, self.build_width)

    def choose_width(self) -> int:
        return self.search_width
