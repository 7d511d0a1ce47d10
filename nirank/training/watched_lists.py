"""What training is watched by: candidate lists of held-out queries, ranked by the model as it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.evaluation.evaluate import evaluate
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking


@dataclass(frozen=True, eq=False)
class WatchedLists:
    """Candidate lists of held-out queries, and the measure of their re-ranking.

    queries, docs  the texts that the model reads, (n_queries,) and (n_docs,): only those that occur in a list
    at             (n_pairs, 2) int64: rows of `queries` and `docs`
    """

    queries: list[str]
    docs: list[str]
    at: NDArray[np.int64]
    lists: Pairs
    qrels: Qrels
    measure: str

    @classmethod
    def of(
        cls, lists: Pairs, queries: Texts, docs: Texts, qrels: Qrels, measure: str, views: tuple[TextView, TextView]
    ) -> WatchedLists:
        """Read the texts of candidate lists; `views` are of queries and documents."""
        lists = lists.drop_scores() if isinstance(lists, Ranking) else lists
        rows, doc_at = np.unique(lists.rows, return_inverse=True)
        query_rows, query_at = np.unique(lists.query_rows, return_inverse=True)
        at = np.column_stack((query_at, doc_at)).astype(np.int64)
        sides = ((queries, query_rows, views[0]), (docs, rows, views[1]))
        texts_read = [list(texts.take(chosen).read(view)) for texts, chosen, view in sides]
        return cls(texts_read[0], texts_read[1], at, lists, qrels, measure)

    def measure_scores(self, scores: NDArray[np.floating]) -> float:
        """Return the mean of the measure where the candidates are ranked by these scores, (n_pairs,)."""
        lists = self.lists
        ranked = Ranking.build(lists.queries, lists.docs, lists.query_rows, lists.rows, scores, source="training")
        value = evaluate(ranked, self.qrels, (self.measure,)).means[self.measure]
        return float("nan") if value is None else float(value)
