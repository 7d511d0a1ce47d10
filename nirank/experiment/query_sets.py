"""Query sets of a result: the evaluated queries of each collection and judgement set, with every system's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.collections.collection import Collection
from nirank.evaluation.evaluate import Evaluation
from nirank.results.query_set import QuerySet, SetKey
from nirank.results.text_beginnings import read_beginnings

BEGINNING = 200  # characters of a query's text

EvaluationKey = tuple[str, str | None, str | None, str]  # and system


def make_query_sets(
    collections: Sequence[Collection], evaluations: Mapping[EvaluationKey, Evaluation]
) -> list[QuerySet]:
    """Return a query set for each collection, split and judgement set that was evaluated."""
    sets: dict[SetKey, dict[str, Evaluation]] = {}
    for (collection, split, qrels, system), evaluation in evaluations.items():
        sets.setdefault((collection, split, qrels), {})[system] = evaluation
    known = {(each.name, each.split): each for each in collections}
    return [_make_query_set(key, systems, known.get(key[:2])) for key, systems in sets.items()]


def _make_query_set(key: SetKey, systems: Mapping[str, Evaluation], collection: Collection | None) -> QuerySet:
    ids = tuple(dict.fromkeys(id for evaluation in systems.values() for id in evaluation.queries))
    values = {system: _align_values(evaluation, ids) for system, evaluation in systems.items()}
    if collection is None:
        return QuerySet(*key, ids=ids, values=values)
    rows = collection.queries.ids.find_rows(ids)
    qrels = next(qrels for qrels in collection.qrels.values() if qrels.name == key[2])
    return QuerySet(
        *key,
        ids=ids,
        texts=tuple(beginning.join() for beginning in read_beginnings(collection.queries, rows, BEGINNING)),
        relevant=tuple(qrels.count_relevant()[rows].tolist()),
        values=values,
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
