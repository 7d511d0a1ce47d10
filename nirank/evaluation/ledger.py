"""The loss ledger: stage by stage, what is left to find and what the next stage could reach at best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.kernels import JudgedResults
from nirank.evaluation.measures import Measure, parse_measure
from nirank.evaluation.native_values import compute_native
from nirank.evaluation.pair_measures import are_among, find_records, list_matches, list_pairs
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels

Lost = tuple[str, str, str]  # query id, document id, the last list that had the pair (empty: none)


def count_losses(stage: str, candidates: Pairs, qrels: Qrels, measures: Sequence[str]) -> dict[str, Any]:
    """Return what one list leaves to what comes behind it.

    relevant  judged relevant documents in the list, of how many there are
    recall    their share, the mean over queries that have any
    best      {measure: its mean if the list were put into the best order}; measures of ir_measures, of pairs
              and of screening, which reads whole lists, are left out
    """
    inside = _find_listed(candidates, qrels)
    relevant = qrels.grades >= qrels.min_rel
    n_found = np.bincount(qrels.query_rows[relevant & inside], minlength=len(qrels.queries))
    n_relevant = qrels.count_relevant()
    answerable = n_relevant > 0
    judged = np.flatnonzero(qrels.counts > 0)
    ideal = JudgedResults.build_ideal(qrels, inside)
    bounded = [measure for measure in map(parse_measure, measures) if _has_best(measure)]
    best = {
        measure.name: float(compute_native(measure, ideal)[judged].mean()) if len(judged) else 0.0
        for measure in bounded
    }
    recall = float((n_found[answerable] / n_relevant[answerable]).mean()) if answerable.any() else 0.0
    return {"stage": stage, "relevant": int(n_found.sum()), "of": int(n_relevant.sum()), "recall": recall, "best": best}


def find_relevant(candidates: Pairs, qrels: Qrels) -> NDArray[np.bool_]:
    """Tell of each judgement whether it is of a relevant document in the list."""
    return _find_listed(candidates, qrels) & (qrels.grades >= qrels.min_rel)


def _find_listed(candidates: Pairs, qrels: Qrels) -> NDArray[np.bool_]:
    inside = np.zeros(len(qrels), np.bool_)
    inside[qrels.find_judged(candidates)[1]] = True
    return inside


def _has_best(measure: Measure) -> bool:
    return not (measure.foreign or measure.screening or measure.of_pairs or measure.family == "Judged")


class PairLedger:
    """The same by pairs: how many matches each list still has, and which was the last to have each."""

    def __init__(self, qrels: Qrels, *, one_table: bool) -> None:
        self._absent = [judgement for judgement in qrels.dangling if judgement.relevance >= qrels.min_rel]
        self._at = find_records(qrels, one_table)
        self._matched = list_matches(qrels, self._at)
        self._last = np.full(len(self._matched), -1)
        self._stages: list[str] = []

    def count(self, stage: str, candidates: Pairs) -> dict[str, Any]:
        """Note what a list has; return its candidates, candidates per_record, and matches kept and lost."""
        pairs = self._list(candidates)
        kept = are_among(self._matched, pairs)
        self._last[kept] = len(self._stages)
        self._stages.append(stage)
        return {
            "candidates": len(pairs),
            "per_record": len(pairs) / max(len(candidates.queries), 1),
            "kept": int(kept.sum()),
            "lost": int((~kept).sum()) + len(self._absent),
        }

    def list_lost(self, candidates: Pairs) -> list[Lost]:
        """Return the matches that the last list lacks, and of each the list that last had it; absent records too."""
        lost = np.flatnonzero(~are_among(self._matched, self._list(candidates)))
        queries, docs = np.divmod(self._matched[lost], len(candidates.docs) + 1)
        names = candidates.queries if self._at is None else candidates.docs
        last_in = [self._stages[at] if at >= 0 else "" for at in self._last[lost]]
        rows = list(zip(names.take(queries), candidates.docs.take(docs), last_in, strict=True))
        return [*rows, *((judgement.query_id, judgement.doc_id, "") for judgement in self._absent)]

    def _list(self, candidates: Pairs) -> NDArray[np.int64]:
        return list_pairs(candidates.query_rows, candidates.rows, len(candidates.docs), self._at)
