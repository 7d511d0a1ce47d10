"""Reciprocal rank fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Combiner, Join, option, stage
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._fusion import add_shares, fuse_by_blocks


@stage
class RRF(Combiner):
    """Fuse rankings by summed reciprocal rank.

    score(d) = Σ over lists 1 / (k + rank(d)), ranks from 1 in standard order; a list without d
    adds nothing. Scores of the lists are ignored, only their order counts. float64; the depth
    is the shallowest list's.

    k  in ranks; larger flattens the top. 60 is the authors' choice
    """

    k: float = option(default=60.0, help="added to every rank; larger flattens the top")

    name = "rrf"
    lists = (2, None)
    source = "Cormack, Clarke and Büttcher, SIGIR 2009"

    def check(self) -> None:
        if self.k < 0:
            raise ConfigError(f"rrf: k must be 0 or more, got {self.k}")

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"k": self.k, "missing": "adds nothing"}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        return fuse_by_blocks(lists, self._fuse_block, ctx)

    def _fuse_block(self, lists: Sequence[Ranking]) -> Ranking:
        nothing = [np.zeros(len(ranking.queries)) for ranking in lists]
        shares = [1.0 / (self.k + ranking.ranks.astype(np.float64)) for ranking in lists]
        return add_shares(lists, shares, nothing, source=self.name)


def rrf(*of: Pipeline, k: float = 60.0) -> Join:
    """Fuse pipelines by reciprocal rank: `rrf(BM25(), Dense("…"))`; see `RRF`."""
    return RRF(k).of(*of)
