"""The loss ledger: stage by stage, what is left to find and what the next stage could reach at best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nirank.evaluation.kernels import Judged, compute
from nirank.evaluation.measures import parse
from nirank.pairs import Pairs
from nirank.qrels import Qrels


def entry(stage: str, found: Pairs, qrels: Qrels, measures: Sequence[str]) -> dict[str, Any]:
    """Return what one list leaves to what comes behind it.

    relevant  judged relevant documents in the list, of how many there are
    recall    their share, the mean over queries that have any
    best      {measure: its mean if the list were put into the best order}; measures of ir_measures are left out
    """
    judged_there, _ = qrels.lookup(found.query_rows, found.rows)
    n = max(len(qrels.docs), 1)
    keys = np.where(qrels.rows >= 0, qrels.query_rows * n + qrels.rows, -1)
    inside = np.isin(keys, found.query_rows[judged_there] * n + found.rows[judged_there])
    relevant = qrels.grades >= qrels.min_rel
    there = np.bincount(qrels.query_rows[relevant & inside], minlength=len(qrels.queries))
    every = qrels.relevant()
    answerable = every > 0
    judged = np.flatnonzero(qrels.counts > 0)
    ideal = Judged.ideal(qrels, inside)
    best = {}
    for one in map(parse, measures):
        if one.foreign is None and one.family != "Judged":
            rel = qrels.min_rel if one.rel is None else one.rel
            best[one.name] = float(compute(one.family, ideal, one.cutoff, rel)[judged].mean()) if len(judged) else 0.0
    recall = float((there[answerable] / every[answerable]).mean()) if answerable.any() else 0.0
    return {"stage": stage, "relevant": int(there.sum()), "of": int(every.sum()), "recall": recall, "best": best}
