"""Candidate pairs as a table of ids, and lists of records and matches beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking

Columns = tuple[str, str]


def tabulate_candidates(pairs: Pairs, ranking: Ranking | None, columns: Columns, *, one_table: bool) -> pa.Table:
    """Return one line a pair: the ids of the asking record's side last, then rank and score where there are any.

    ranking    that the pairs were taken from; None: they have no order
    columns    names of the columns of documents' and queries' ids
    one_table  whether both sides are one table, in which a pair stands once, the earlier record first
    """
    queries, docs = pairs.query_rows, np.asarray(pairs.rows, np.int64)
    ranks = scores = None
    if ranking is not None:
        order = np.argsort(ranking.keys)
        at = order[np.searchsorted(ranking.keys[order], pairs.keys)] if len(pairs) else order[:0]
        ranks, scores = ranking.ranks[at], ranking.scores[at]
    if one_table:
        keep = _choose_directions(pairs, ranks)
        queries, docs = queries[keep], docs[keep]
        ranks = None if ranks is None else ranks[keep]
        scores = None if scores is None else scores[keep]
        table_rows = pairs.docs.find_rows(pairs.queries.strings)[queries]
        queries, docs = np.maximum(table_rows, docs), np.minimum(table_rows, docs)
        ids = (pairs.docs.take_arrow(docs), pairs.docs.take_arrow(queries))
    else:
        ids = (pairs.docs.take_arrow(docs), pairs.queries.take_arrow(queries))
    table: dict[str, Any] = dict(zip(columns, ids, strict=True))
    if ranks is not None:
        table |= {"rank": pa.array(ranks), "score": pa.array(scores)}
    return pa.table(table)


def _choose_directions(pairs: Pairs, ranks: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return one of both directions of each pair of one table, the better ranked, in the pairs' order."""
    at = pairs.docs.find_rows(pairs.queries.strings)[pairs.query_rows]
    first, second = np.minimum(at, pairs.rows), np.maximum(at, pairs.rows)
    order = np.lexsort((np.zeros(len(pairs)) if ranks is None else ranks, second, first))
    first, second = first[order], second[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return np.sort(order[is_new])


def find_unpaired(pairs: Pairs, *, one_table: bool) -> tuple[list[str], list[str]]:
    """Return the ids of the records in no pair, of documents and of queries; of one table all are documents."""
    paired = np.zeros(len(pairs.docs), np.bool_)
    paired[pairs.rows] = True
    asking = np.flatnonzero(pairs.counts > 0)
    if one_table:
        paired[pairs.docs.find_rows(pairs.queries.strings)[asking]] = True
        return list(pairs.docs.take(np.flatnonzero(~paired))), []
    return list(pairs.docs.take(np.flatnonzero(~paired))), list(pairs.queries.take(np.flatnonzero(pairs.counts == 0)))


def name_beside(path: Path, what: str) -> Path:
    """Return the name of a file beside the candidates: `pairs.csv` and `unpaired` are `pairs.unpaired.csv`."""
    return path.with_name(f"{path.stem}.{what}{path.suffix}")


def make_text_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> pa.Table:
    """Return rows of text as a table."""
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.table({name: pa.array(values, pa.string()) for name, values in zip(columns, cells, strict=True)})
