"""Topic by topic: who gains where, and what two systems would give together at best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from nirank.evaluation.measures import lower_is_better
from nirank.report.grid import Cell, Grid, format_value
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row, TopicValues

_TIE = 0.001  # values that differ by no more are a tie


def make_topic_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table of every two systems for each collection and judgement set: on how many topics which is better."""
    head = ("measure", "systems", "wins / ties / losses", "Spearman", "first", "second", "better of both")
    notes = [
        f"wins: topics on which the second system is better, by more than {_TIE}; Spearman: of both systems' values by "
        "topic; better of both: the mean if the better system were known for each topic (an oracle)."
    ]
    grids = []
    for key, group in group_systems(rows).items():
        body = [
            _make_line(measure, first, second)
            for measure in measures
            for first, second in combinations(group, 2)
            if _list_values(first, second, measure)[0]
        ]
        if body:
            grids.append(Grid(f"Topic by topic: {key.title}", head, body, notes))
    return grids


def list_topic_gains(base: Row, row: Row, measure: str) -> list[tuple[str, float]]:
    """Return what a system gains over another one on each topic that both have values of, the greatest first."""
    topics, a, b = _list_values(base, row, measure)
    gains = zip(topics, _compute_gains(measure, a, b), strict=True)
    return sorted(gains, key=lambda gain: (-gain[1], gain[0]))


def group_systems(rows: Sequence[Row]) -> Mapping[JudgedSplit, list[Row]]:
    """Return the rows with values by topic that are about the same topics; of several seeds their mean."""
    groups = group_rows(row for row in rows if row.topics and row.seed_of is None)
    return {
        key: [row for row in group if [t.topic for t in row.topics] == [t.topic for t in group[0].topics]]
        for key, group in groups.items()
    }


def _list_values(first: Row, second: Row, measure: str) -> tuple[list[str], list[float], list[float]]:
    """Return the topics on which both systems have a value, and their values."""

    def read_value(topic: TopicValues) -> float | None:
        return topic.measures.get(measure)

    topics, a, b = [], [], []
    for left, right in zip(first.topics, second.topics, strict=True):
        x, y = read_value(left), read_value(right)
        if x is not None and y is not None:
            topics.append(left.topic)
            a.append(x)
            b.append(y)
    return topics, a, b


def _make_line(measure: str, first: Row, second: Row) -> list[Cell]:
    from scipy.stats import spearmanr

    _, a, b = _list_values(first, second, measure)
    gains = np.array(_compute_gains(measure, a, b))
    counts = (int((gains > _TIE).sum()), int((np.abs(gains) <= _TIE).sum()), int((gains < -_TIE).sum()))
    correlated = len(set(a)) > 1 and len(set(b)) > 1
    better = np.minimum(a, b) if lower_is_better(measure) else np.maximum(a, b)
    cells = [
        " / ".join(map(str, counts)),
        f"{spearmanr(a, b).statistic:.2f}" if correlated else "-",
        *(format_value(measure, float(np.mean(values))) for values in (a, b, better)),
    ]
    systems = Cell(f"{first.system}, {second.system}")
    return [Cell(measure), systems, *(Cell(text, number=True) for text in cells)]


def _compute_gains(measure: str, a: Sequence[float], b: Sequence[float]) -> list[float]:
    """Return how much better b is than a; where less is better, how much less."""
    sign = -1 if lower_is_better(measure) else 1
    return [sign * (y - x) for x, y in zip(a, b, strict=True)]
