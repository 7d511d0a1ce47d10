"""Lists written by hand, and what a combiner makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirank.algebra.context import Context
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking

Run = dict[str, dict[str, float]]


def make_rankings(*runs: Run, depth: Any = None, docs: str = "") -> list[Ranking]:
    """Make rankings over common sides; `depth` is one for all, or one each."""
    queries = Ids.of(dict.fromkeys(query for run in runs for query in run))
    names = dict.fromkeys([*docs.split(), *(doc for run in runs for scores in run.values() for doc in scores)])
    lists = [Ranking.from_dict(run, queries, Ids.of(names)) for run in runs]
    depths = depth if isinstance(depth, tuple) else (depth,) * len(lists)
    return [
        Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores, d)
        for ranking, d in zip(lists, depths, strict=True)
    ]


def combine_runs(stage: Any, *runs: Run, depth: Any = None, ctx: Context | None = None) -> dict[str, dict[str, float]]:
    return stage.combine(make_rankings(*runs, depth=depth), ctx or Context()).to_dict()


def make_random_run(random: np.random.Generator, queries: int = 3, docs: int = 8) -> Run:
    """A run with ties, negative scores and short lists; every query has at least one document."""
    return {
        f"q{q}": {
            f"d{d}": float(random.integers(-3, 4)) / 2 for d in random.permutation(docs)[: random.integers(1, docs + 1)]
        }
        for q in range(queries)
    }
