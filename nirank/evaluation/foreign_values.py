"""Measures that ir_measures computes, from ranks alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.measures import Measure
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

log = logging.getLogger("nirank")


def compute_foreign(
    ranking: Ranking, qrels: Qrels, measures: Sequence[Measure]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """Return each measure of every query, (n_queries,) float64, and why some cannot be computed, by name.

    Where the library gives no value for a query, it is 0, as the library's own mean has it.

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
    for measure in measures:
        names.setdefault(_set_threshold(measure, qrels.min_rel), []).append(measure.name)
    values = {measure.name: np.zeros(len(qrels.queries)) for measure in measures}
    metrics, wrong = _compute_values(list(names), judged, run)
    for metric in metrics:
        for name in names[metric.measure]:
            values[name][int(metric.query_id)] = metric.value
    nulls = {
        name: f"{name} cannot be computed here ({why})" for measure, why in wrong.items() for name in names[measure]
    }
    for name, column in values.items():
        if name not in nulls and not np.isfinite(column).all():
            bad = int((~np.isfinite(column)).sum())
            nulls[name] = f"{name} is no number for {bad:,} of {len(column):,} queries, as ir_measures computes it"
    return {name: column for name, column in values.items() if name not in nulls}, nulls


def _compute_values(
    measures: Sequence[Any], judged: Sequence[Any], run: Sequence[Any]
) -> tuple[list[Any], dict[Any, str]]:
    """Return the library's values, all measures at once, and of the measures that it fails on its words."""
    import ir_measures

    try:
        return list(ir_measures.iter_calc(list(measures), judged, run)), {}
    except Exception as error:
        log.debug("ir_measures failed on %s", ", ".join(map(str, measures)), exc_info=True)
        if len(measures) == 1:
            first_line = str(error).strip().splitlines() or [""]
            return [], {measures[0]: f"ir_measures: {type(error).__name__}: {first_line[0]}".rstrip(": ")}
    separate = [_compute_values([measure], judged, run) for measure in measures]
    return [value for part, _ in separate for value in part], {
        measure: why for _, wrong in separate for measure, why in wrong.items()
    }


def _set_threshold(measure: Measure, min_rel: int) -> Any:
    """Give ir_measures' object the collection's threshold where its name leaves it open."""
    takes = "rel" in measure.foreign.SUPPORTED_PARAMS and "rel" not in measure.foreign.params
    return measure.foreign(rel=min_rel) if takes and min_rel != 1 else measure.foreign
