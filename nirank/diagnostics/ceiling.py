"""D3, ceiling: what a perfect re-ranker could make of the list that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nirank.diagnostics.lists import MEASURES, measure_means
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking


@dataclass(frozen=True)
class Ceiling:
    """The first `depth` documents of each list in the best order that the judgements know, and as they are.

    oracle   means where the documents of those that the list has stand by grade, the greatest first
    reached  means of the system's own list
    recall   R@depth, on which the oracle depends
    """

    depth: int
    recall: float | None
    oracle: Mapping[str, float | None]
    reached: Mapping[str, float | None]


def measure_ceiling(fetched: Ranking, ranking: Ranking, qrels: Qrels, depth: int) -> Ceiling:
    """Measure lists against the oracle of the first `depth` documents that they were made of.

    fetched  the lists that are re-ranked; the lists themselves where nothing is
    """
    head = fetched.cut(depth)
    at, judgement = qrels.find_judged(head)
    grades = np.full(len(head), -1.0)
    grades[at] = qrels.grades[judgement]
    ordered = head.rescore(grades, source="oracle")
    recall = measure_means(head, qrels, (f"R@{depth}",))[f"R@{depth}"]
    return Ceiling(depth, recall, measure_means(ordered, qrels), measure_means(ranking, qrels, MEASURES))
