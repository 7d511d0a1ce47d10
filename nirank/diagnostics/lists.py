"""What diagnostics look at: the lists of judged queries, and what they share in measuring them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.collections.dates import Dates
from nirank.collections.texts import Texts
from nirank.evaluation.evaluate import evaluate
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

MEASURES = ("Rprec", "nDCG@20")
DEPTH = 100  # of lists that nothing re-ranks


@dataclass(frozen=True, eq=False)
class JudgedLists:
    """Lists of judged queries.

    name      of the queries
    ranking   of these queries; None: nothing is ranked, only judged
    """

    name: str
    queries: Texts
    docs: Texts
    qrels: Qrels
    ranking: Ranking | None = None
    query_dates: Dates | None = None
    doc_dates: Dates | None = None


@dataclass(frozen=True)
class Part:
    """Some of the queries, and the means of a system's measures over them; None where there are none."""

    name: str
    queries: int
    measures: Mapping[str, float | None]


def measure_means(ranking: Ranking, qrels: Qrels, measures: Sequence[str] = MEASURES) -> dict[str, float | None]:
    """Return the means over the judged queries."""
    return dict(evaluate(ranking, qrels, measures).means)


def measure_queries(ranking: Ranking, qrels: Qrels) -> dict[str, NDArray[np.float64]]:
    """Return {measure: value of each query, (n_queries,)}, NaN where a query is not judged."""
    evaluation = evaluate(ranking, qrels, MEASURES)
    rows = ranking.queries.find_rows(list(evaluation.queries))
    values = {}
    for name in MEASURES:
        values[name] = np.full(len(ranking.queries), np.nan)
        if name in evaluation.per_query:
            values[name][rows] = evaluation.per_query[name]
    return values


def average_part(name: str, values: Mapping[str, NDArray[np.float64]], inside: NDArray[np.bool_]) -> Part:
    """Return the means over the queries that are inside, (n_queries,), and have a value."""
    counted = inside & ~np.isnan(values[MEASURES[0]])
    means = {measure: float(of[counted].mean()) if counted.any() else None for measure, of in values.items()}
    return Part(name, int(counted.sum()), means)


def find_relevant(pairs: Ranking, qrels: Qrels) -> NDArray[np.bool_]:
    """Tell which pairs of lists are relevant, (n_pairs,)."""
    at, judgement = qrels.find_judged(pairs)
    relevant = np.zeros(len(pairs), np.bool_)
    relevant[at] = qrels.grades[judgement] >= qrels.min_rel
    return relevant
