"""Measures that ir_measures computes, from ranks alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.measures import Measure
from nirank.qrels import Qrels
from nirank.ranking import Ranking


def delegate(ranking: Ranking, qrels: Qrels, measures: Sequence[Measure]) -> dict[str, NDArray[np.float64]]:
    """Return each measure of every query, (n_queries,) float64, 0 where the library gives none.

    The library sees row numbers for ids (some providers read query ids as integers) and
    scores made of ranks, so that it cannot break ties by a rule of its own. Labels below 0 are
    given as 0, not relevant: trec_eval's code reads outside its arrays for them.
    """
    import ir_measures

    judged = [
        ir_measures.Qrel(str(query), f"d{row}" if row >= 0 else f"absent{at}", max(grade, 0), "0")
        for at, (query, row, grade) in enumerate(
            zip(qrels.query_rows.tolist(), qrels.rows.tolist(), qrels.grades.tolist(), strict=True)
        )
    ]
    longest = int(ranking.counts.max(initial=0))
    run = [
        ir_measures.ScoredDoc(str(query), f"d{row}", float(longest - rank))
        for query, row, rank in zip(
            ranking.query_rows.tolist(), ranking.rows.tolist(), ranking.ranks.tolist(), strict=True
        )
    ]
    names: dict[Any, list[str]] = {}  # two names may mean one measure: Rprec and Rprec(rel=2) where min_rel is 2
    for one in measures:
        names.setdefault(_with_threshold(one, qrels.min_rel), []).append(one.name)
    values = {one.name: np.zeros(len(qrels.queries)) for one in measures}
    for metric in ir_measures.iter_calc(list(names), judged, run):
        for name in names[metric.measure]:
            values[name][int(metric.query_id)] = metric.value
    return values


def _with_threshold(measure: Measure, min_rel: int) -> Any:
    """Give ir_measures' object the collection's threshold where its name leaves it open."""
    takes = "rel" in measure.foreign.SUPPORTED_PARAMS and "rel" not in measure.foreign.params
    return measure.foreign(rel=min_rel) if takes and min_rel != 1 else measure.foreign
