"""Query sets of a result: the evaluated queries of each collection and judgement set, with every system's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.evaluate import Evaluation
from nirank.results.judged_lists import JudgedLists
from nirank.results.query_details import choose_detailed
from nirank.results.query_set import QuerySet, SetKey
from nirank.results.query_signs import count_signs
from nirank.results.text_beginnings import read_beginnings

BEGINNING = 200  # characters of a query's text

EvaluationKey = tuple[str, str | None, str | None, str]  # and system


def make_query_sets(
    lists: Mapping[SetKey, JudgedLists], evaluations: Mapping[EvaluationKey, Evaluation]
) -> list[QuerySet]:
    """Return a query set for each collection, split and judgement set; where nothing is judged, of all queries."""
    by_set: dict[SetKey, dict[str, Evaluation]] = {key: {} for key in lists}
    for (collection, split, qrels, system), evaluation in evaluations.items():
        by_set[collection, split, qrels][system] = evaluation
    return [_make_query_set(key, lists[key], systems) for key, systems in by_set.items()]


def _make_query_set(key: SetKey, lists: JudgedLists, evaluations: Mapping[str, Evaluation]) -> QuerySet:
    ids = tuple(lists.queries.take(lists.query_rows))
    values = {system: _align_values(evaluation, ids) for system, evaluation in evaluations.items()}
    beginnings = [] if lists.texts is None else read_beginnings(lists.texts[0], lists.query_rows, BEGINNING)
    return QuerySet(
        *key,
        ids=ids,
        texts=tuple(beginning.join()[:BEGINNING] for beginning in beginnings),
        relevant=lists.count_relevant(),
        values=values | {system: {} for system in lists.systems if system not in values},
        signs=count_signs(lists),
        pair_counts={system: each.pair_counts for system, each in evaluations.items() if each.pair_counts},
        detailed=_choose_detailed(lists, values),
    )


def _align_values(evaluation: Evaluation, ids: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return values over all queries, NaN on those that a system was not evaluated on."""
    if tuple(evaluation.queries) == ids:
        return dict(evaluation.per_query)
    place = {id: at for at, id in enumerate(ids)}
    places = [place[id] for id in evaluation.queries]
    aligned = {name: np.full(len(ids), np.nan) for name in evaluation.per_query}
    for name, column in evaluation.per_query.items():
        aligned[name][places] = column
    return aligned


def _choose_detailed(
    lists: JudgedLists, values: Mapping[str, Mapping[str, NDArray[np.float64]]]
) -> tuple[int, ...] | None:
    """Return which queries get details: those on which the systems differ most, and where that is alike, the hardest.

    By the first measure that queries have values of; else by how many relevant documents each system found.
    """
    measure = next((name for by_measure in values.values() for name in by_measure), "")
    columns: list[NDArray[Any]] = [by_measure[measure] for by_measure in values.values() if measure in by_measure]
    if not columns:
        columns = [lists.count_found(system.last) for system in lists.systems.values()]
    if not columns:
        return None
    table = np.nan_to_num(np.array(columns, np.float64))
    chosen = choose_detailed(table.max(axis=0) - table.min(axis=0), -table.mean(axis=0), len(lists.systems))
    return None if chosen is None else tuple(chosen)
