"""The tasks of `fold`: into the parts of documents or queries, and back again.

`parts` are one side's passages, whose parents are rows of `whole`, the side itself; params["side"] says which it is.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.application import Keep
from nirank.algebra.node import Job
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.flow.pairs import Pairs, compute_offsets, concatenate_ranges
from nirank.flow.ranking import Ranking, find_certain_depth
from nirank.flow.scope import Scope
from nirank.plan.tasks import combine_scopes

Side = Literal["docs", "queries"]
_BODY = TextView("text")
_RRF_K = 60.0  # Cormack, Clarke and Büttcher, SIGIR 2009


def make_part_scope(job: Job) -> Scope:
    """Translate a scope into one over parts; where documents have the parts, `fold` takes out own documents."""
    queries, docs, undivided = job.get_input("queries"), job.get_input("docs"), job.get_input("whole")
    if job.params["side"] == "docs":
        parents = np.asarray(docs.parents)
        allowed = combine_scopes(job, docs=undivided)
        mask = None if allowed.mask is None else allowed.mask[parents]
        pairs, excluded = (
            None if listed is None else _expand_to_parts(listed, docs, "docs")[0]
            for listed in (allowed.pairs, allowed.excluded)
        )
        ranges = tuple(dates.take_docs(parents) for dates in allowed.ranges)
        return Scope(queries.ids, docs.ids, mask, pairs, ranges=ranges, excluded=excluded)
    return combine_scopes(job, queries=undivided).take(np.asarray(queries.parents), queries.ids)


def make_part_list(job: Job) -> Pairs:
    """Turn a list into the list of its documents' parts, each with its document's score, or of its queries' parts."""
    listed: Pairs = job.get_input("list")
    side: Side = job.params["side"]
    pairs, came_from = _expand_to_parts(listed, job.get_input(side), side)
    if not isinstance(listed, Ranking):
        return pairs
    scores = np.asarray(listed.scores)[came_from]
    if side == "queries":
        return Ranking(pairs.queries, pairs.docs, pairs.offsets, pairs.rows, scores, listed.depth)
    ranking = Ranking.build(pairs.queries, pairs.docs, pairs.query_rows, pairs.rows, scores, source="parts")
    depth = find_certain_depth(listed, ranking.counts)
    return Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores, depth)


def fold(job: Job) -> Ranking:
    """Fold a ranking of parts into one of documents, or the rankings of a query's parts into one.

    The depth is how many documents are certain; for queries, as for every fusion, that of the lists.
    """
    part_ranking: Ranking = job.get_input("list")
    queries, docs = job.get_input("queries"), job.get_input("docs")
    side, keep, top = job.params["side"], job.params["keep"], job.params.get("top")
    parts: Texts = job.get_input("parts")
    scored = _score_by_ranks(part_ranking) if keep == "rrf" else part_ranking
    keys, part_rows, scores = sort_by_document(scored, parts, side, len(docs))
    if top:
        best = _select_top(keys, scores, top)
        keys, part_rows, scores = keys[best], part_rows[best], scores[best]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    words = _count_words(parts, part_rows) if keep == "weighted_mean" else None
    folded = _fold_scores(scores, starts, keep, words) if len(starts) else scores
    q, d = np.divmod(keys[starts], max(len(docs), 1))
    inside = combine_scopes(job).allows(q, d)
    ranking = Ranking.build(queries.ids, docs.ids, q[inside], d[inside], folded[inside], source="fold")
    depth = find_certain_depth(part_ranking, ranking.counts) if side == "docs" else part_ranking.depth
    return Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores, depth)


def sort_by_document(
    ranking: Ranking, parts: Texts, side: Side, n_docs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]:
    """Return for every pair of a ranking over parts its key (query × n_docs + document), part row and score.

    Sorted by key, then in text order.
    """
    parents = np.asarray(parts.parents)
    part = ranking.rows if side == "docs" else ranking.query_rows
    q = ranking.query_rows if side == "docs" else parents[ranking.query_rows]
    keys = q * max(n_docs, 1) + (parents[ranking.rows] if side == "docs" else ranking.rows)
    order = np.lexsort((part, keys))
    return keys[order], np.asarray(part[order], np.int64), np.asarray(ranking.scores)[order]


def _score_by_ranks(ranking: Ranking) -> Ranking:
    """Return a ranking with 1 / (60 + rank) for scores."""
    shares = 1.0 / (_RRF_K + ranking.ranks.astype(np.float64))
    return Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, shares, ranking.depth)


def _count_words(parts: Texts, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many words each row of parts has, one at the least: a blank part still has its title."""
    distinct, places = np.unique(rows, return_inverse=True)
    return np.array([max(len(text.split()), 1) for text in parts.read(_BODY, distinct)], np.int64)[places]


def _select_top(keys: NDArray[np.int64], scores: NDArray[np.floating], top: int) -> NDArray[np.int64]:
    """Return the places of each key's `top` greatest scores."""
    order = np.lexsort((-scores, keys))
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    lengths = np.diff(np.append(starts, len(keys)))
    inside = np.arange(len(keys)) - np.repeat(starts, lengths) < top
    best: NDArray[np.int64] = order[inside]
    return best


def _fold_scores(
    scores: NDArray[np.floating], starts: NDArray[np.int64], keep: Keep, words: NDArray[np.int64] | None
) -> NDArray[np.floating]:
    """Return one score a document; words are those of the parts, for a weighted mean."""
    if keep == "max":
        best: NDArray[np.floating] = np.maximum.reduceat(scores, starts)
        return best
    if keep == "first":
        return scores[starts]
    if words is not None:
        weighted: NDArray[np.floating] = np.add.reduceat(scores * words, starts) / np.add.reduceat(words, starts)
        return weighted
    sums: NDArray[np.floating] = np.add.reduceat(scores.astype(np.float64), starts)
    return sums if keep in ("sum", "rrf") else sums / np.diff(np.append(starts, len(scores)))


def _expand_to_parts(pairs: Pairs, parts: Texts, side: Side) -> tuple[Pairs, NDArray[np.int64]]:
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
    part_pairs = Pairs(pairs.queries, parts.ids, compute_offsets(q[order], len(pairs.queries)), rows[order])
    return part_pairs, came_from[order]
