"""Signs: what is odd about the first results of a system, counted for every query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.collections.dates import Dates
from nirank.results.judged_lists import JudgedLists, Places
from nirank.results.query_set import HEAD, Signs


def count_signs(lists: JudgedLists) -> dict[str, Signs]:
    """Return the signs of every system that ranks, on the evaluated queries; none where nothing is judged."""
    if lists.qrels is None:
        return {}
    return {name: _count_signs(lists, name) for name, system in lists.systems.items() if system.last.is_ordered}


def _count_signs(lists: JudgedLists, name: str) -> Signs:
    system, rows = lists.systems[name], lists.query_rows
    head = system.last.read(rows, HEAD)
    before = [each.read(rows, HEAD) for _, each in system.opened_stages if each.is_ordered]
    has_it = _find_relevant(lists, head)
    had_it = np.unique(np.concatenate([np.empty(0, np.int64), *(_find_relevant(lists, each) for each in before)]))
    lost = had_it[~np.isin(had_it, has_it)]
    return Signs(
        unjudged=_count(head.queries[_find_judgements(lists, head) < 0], len(rows)),
        lost=_count(lost // max(len(lists.docs), 1), len(rows)),
        later=_count_later(head, rows, *lists.dates),
    )


def _find_judgements(lists: JudgedLists, places: Places) -> NDArray[np.int64]:
    """Return the place of each document's judgement, -1 where it has none."""
    assert lists.qrels is not None
    return lists.qrels.find_positions(lists.query_rows[places.queries], places.rows)


def _find_relevant(lists: JudgedLists, places: Places) -> NDArray[np.int64]:
    """Return one number for each relevant document at some places, query × n_docs + document."""
    assert lists.qrels is not None
    at = _find_judgements(lists, places)
    relevant = (at >= 0) & (lists.qrels.grades[at] >= lists.qrels.min_rel) if len(lists.qrels) else at >= 0
    return places.queries[relevant] * max(len(lists.docs), 1) + places.rows[relevant]


def _count_later(
    head: Places, query_rows: NDArray[np.int64], queries: Dates | None, docs: Dates | None
) -> NDArray[np.int64] | None:
    if queries is None or docs is None:
        return None
    of_queries = query_rows[head.queries]
    dated = ~docs.undated[head.rows] & ~queries.undated[of_queries]
    later = dated & (docs.first[head.rows] > queries.last[of_queries])
    return _count(head.queries[later], len(query_rows))


def _count(queries: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.bincount(queries, minlength=n).astype(np.int64)
