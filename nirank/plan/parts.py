"""The tasks of `fold`: into the parts of documents or queries, and back again.

`parts` are one side's passages, whose parents are rows of `whole`, the side itself; params["side"] says which it is.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.application import Keep
from nirank.algebra.node import Job
from nirank.collections.texts import Texts
from nirank.flow.pairs import Pairs, compute_offsets, concatenate_ranges
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.plan.tasks import certain, job_scope

Side = Literal["docs", "queries"]


def scope_of_parts(job: Job) -> Scope:
    """Translate a scope into one over parts; where documents have the parts, `fold` takes out own documents."""
    queries, docs, whole = job.get_input("queries"), job.get_input("docs"), job.get_input("whole")
    if job.params["side"] == "docs":
        parents = np.asarray(docs.parents)
        allowed = job_scope(job, docs=whole)
        mask = None if allowed.mask is None else allowed.mask[parents]
        listed, without = (
            None if one is None else _to_parts(one, docs, "docs")[0] for one in (allowed.pairs, allowed.excluded)
        )
        rules = tuple(one.take_docs(parents) for one in allowed.ranges)
        return Scope(queries.ids, docs.ids, mask, listed, ranges=rules, excluded=without)
    return job_scope(job, queries=whole).take(np.asarray(queries.parents), queries.ids)


def list_of_parts(job: Job) -> Pairs:
    """Turn a list into the list of its documents' parts, each with its document's score, or of its queries' parts."""
    found: Pairs = job.get_input("list")
    side: Side = job.params["side"]
    pairs, came_from = _to_parts(found, job.get_input(side), side)
    if not isinstance(found, Ranking):
        return pairs
    scores = np.asarray(found.scores)[came_from]
    if side == "queries":
        return Ranking(pairs.queries, pairs.docs, pairs.offsets, pairs.rows, scores, found.depth)
    ranked = Ranking.build(pairs.queries, pairs.docs, pairs.query_rows, pairs.rows, scores, source="parts")
    depth = certain(found, ranked.counts)
    return Ranking(ranked.queries, ranked.docs, ranked.offsets, ranked.rows, ranked.scores, depth)


def fold(job: Job) -> Ranking:
    """Fold a ranking of parts into one of documents, or the rankings of a query's parts into one.

    The depth is how many documents are certain; for queries, as for every fusion, that of the lists.
    """
    found: Ranking = job.get_input("list")
    queries, docs = job.get_input("queries"), job.get_input("docs")
    side, keep, top = job.params["side"], job.params["keep"], job.params.get("top")
    keys, _, scores = arranged(found, job.get_input("parts"), side, len(docs))
    keys, scores = _top(keys, scores, top) if top else (keys, scores)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    folded = _folded(scores, starts, keep) if len(starts) else scores
    q, d = np.divmod(keys[starts], max(len(docs), 1))
    inside = job_scope(job).allows(q, d)
    ranked = Ranking.build(queries.ids, docs.ids, q[inside], d[inside], folded[inside], source="fold")
    depth = certain(found, ranked.counts) if side == "docs" else found.depth
    return Ranking(ranked.queries, ranked.docs, ranked.offsets, ranked.rows, ranked.scores, depth)


def arranged(
    found: Ranking, parts: Texts, side: Side, n_docs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]:
    """Return for every pair of a ranking over parts its key (query × n_docs + document), part row and score.

    Sorted by key, then in text order.
    """
    parents = np.asarray(parts.parents)
    part = found.rows if side == "docs" else found.query_rows
    q = found.query_rows if side == "docs" else parents[found.query_rows]
    keys = q * max(n_docs, 1) + (parents[found.rows] if side == "docs" else found.rows)
    order = np.lexsort((part, keys))
    return keys[order], np.asarray(part[order], np.int64), np.asarray(found.scores)[order]


def _top(
    keys: NDArray[np.int64], scores: NDArray[np.floating], top: int
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Leave of each key its `top` greatest scores."""
    order = np.lexsort((-scores, keys))
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    lengths = np.diff(np.append(starts, len(keys)))
    inside = np.arange(len(keys)) - np.repeat(starts, lengths) < top
    return keys[order][inside], scores[order][inside]


def _folded(scores: NDArray[np.floating], starts: NDArray[np.int64], keep: Keep) -> NDArray[np.floating]:
    if keep == "max":
        best: NDArray[np.floating] = np.maximum.reduceat(scores, starts)
        return best
    if keep == "first":
        return scores[starts]
    sums: NDArray[np.floating] = np.add.reduceat(scores.astype(np.float64), starts)
    return sums if keep == "sum" else sums / np.diff(np.append(starts, len(scores)))


def _to_parts(pairs: Pairs, parts: Texts, side: Side) -> tuple[Pairs, NDArray[np.int64]]:
    """Return the pairs of one side's parts, and for each of them the position of the pair that it comes from."""
    parents = np.asarray(parts.parents)
    if side == "queries":
        came_from = concatenate_ranges(pairs.offsets[parents], pairs.counts[parents])
        offsets = np.concatenate(([0], np.cumsum(pairs.counts[parents])))
        return Pairs(parts.ids, pairs.docs, offsets, pairs.rows[came_from]), came_from
    by_parent = np.argsort(parents, kind="stable")
    starts = compute_offsets(parents[by_parent], len(pairs.docs))
    lengths = np.diff(starts)[pairs.rows]
    rows = by_parent[concatenate_ranges(starts[:-1][pairs.rows], lengths)]
    came_from = np.repeat(np.arange(len(pairs)), lengths)
    q = pairs.query_rows[came_from]
    order = np.lexsort((rows, q))
    made = Pairs(pairs.queries, parts.ids, compute_offsets(q[order], len(pairs.queries)), rows[order])
    return made, came_from[order]
