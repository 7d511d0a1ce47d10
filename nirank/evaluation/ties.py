"""How much of a value is decided by ties."""

from __future__ import annotations

import numpy as np

from nirank.errors import ConfigError
from nirank.evaluation.kernels import Judged, compute
from nirank.evaluation.measures import parse
from nirank.qrels import Qrels
from nirank.ranking import Ranking


def tie_bounds(ranking: Ranking, qrels: Qrels, measure: str) -> tuple[float, float]:
    """Return the worst and the best mean of a measure over all orders of documents with equal scores.

    Every native measure but Judged grows when a better document moves up, so ordering each tie by
    grade, ascending and descending, gives the bounds exactly. Raises ConfigError for others, for a
    measure deeper than the ranking, and where no declared query is judged.
    """
    wanted = parse(measure)
    if wanted.foreign is not None or wanted.family == "Judged":
        raise ConfigError(
            f"tie bounds of '{measure}' are not defined; expected a measure that nirank computes by grade"
        )
    data = Judged.join(ranking, qrels)
    judged_rows = np.flatnonzero(qrels.counts > 0)
    if not len(judged_rows):
        raise ConfigError(f"tie bounds of '{measure}': no declared query is judged")
    if ranking.depth is not None and wanted.cutoff is not None and wanted.cutoff > ranking.depth:
        raise ConfigError(f"tie bounds of '{measure}': the ranking was cut at {ranking.depth}")
    rel = qrels.min_rel if wanted.rel is None else wanted.rel
    gain = np.maximum(data.grade, 0)
    means = []
    for sign in (1, -1):
        order = np.lexsort((sign * gain, -ranking.scores, data.query))
        reordered = Judged(qrels, data.query, data.rank, data.judged[order], data.grade[order])
        means.append(float(compute(wanted.family, reordered, wanted.cutoff, rel)[judged_rows].mean()))
    return means[0], means[1]
