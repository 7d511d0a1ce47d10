"""The loss ledger: stage by stage, what is left to find and what the next stage could reach at best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nirank.evaluation.kernels import Judged
from nirank.evaluation.measures import parse
from nirank.evaluation.native import native
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels


def entry(stage: str, found: Pairs, qrels: Qrels, measures: Sequence[str]) -> dict[str, Any]:
    """Return what one list leaves to what comes behind it.

    relevant  judged relevant documents in the list, of how many there are
    recall    their share, the mean over queries that have any
    best      {measure: its mean if the list were put into the best order}; measures of ir_measures
              and of screening, which reads whole lists, are left out
    """
    inside = np.zeros(len(qrels), np.bool_)
    inside[qrels.among(found)[1]] = True
    relevant = qrels.grades >= qrels.min_rel
    there = np.bincount(qrels.query_rows[relevant & inside], minlength=len(qrels.queries))
    every = qrels.relevant()
    answerable = every > 0
    judged = np.flatnonzero(qrels.counts > 0)
    ideal = Judged.ideal(qrels, inside)
    wanted = [one for one in map(parse, measures) if not (one.foreign or one.screening or one.family == "Judged")]
    best = {one.name: float(native(one, ideal)[judged].mean()) if len(judged) else 0.0 for one in wanted}
    recall = float((there[answerable] / every[answerable]).mean()) if answerable.any() else 0.0
    return {"stage": stage, "relevant": int(there.sum()), "of": int(every.sum()), "recall": recall, "best": best}
