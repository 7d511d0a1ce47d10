"""Twins: documents with equal texts under several ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.flow.qrels import Qrels
from nirank.flow.scope import Scope

_BLOCK = 1 << 20  # rows that are looked at, or compared, together


def group_twins(fingerprints: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return for each row the first row with the same text, (n,) int64; blank texts have no twins.

    Equal hashes are sought among about a block of hashes at a time, those of one part of their range, which each scan
    of all collects; memory is that of a block beside what is returned.
    """
    groups = np.arange(len(fingerprints))
    n_parts = -(-len(fingerprints) // _BLOCK)
    for part in range(n_parts):
        rows = _select_part(fingerprints, part, n_parts)
        _, first, back = np.unique(fingerprints[rows], return_index=True, return_inverse=True)
        groups[rows] = rows[first][back]
    return groups


def _select_part(fingerprints: NDArray[np.uint64], part: int, n_parts: int) -> NDArray[np.int64]:
    """Return the rows whose hashes lie in one of so many equal parts of their range, those of blank texts left out."""
    half = np.uint64(32)
    found = []
    for start in range(0, len(fingerprints), _BLOCK):
        hashes = np.asarray(fingerprints[start : start + _BLOCK])
        inside = (hashes >> half) * np.uint64(n_parts) >> half == np.uint64(part)
        found.append(np.flatnonzero(inside & (hashes != 0)) + start)
    return np.concatenate(found)


def share_labels(qrels: Qrels, groups: NDArray[np.int64], scope: Scope | None = None) -> Qrels:
    """Return judgements in which every twin of a judged document has the best label among the twins.

    scope  twins that a query may not be given stay unjudged
    """
    in_corpus = qrels.rows >= 0
    order = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[order], np.arange(len(groups) + 1))
    # One row a (query, group): its best label.
    keys = qrels.query_rows[in_corpus] * max(len(groups), 1) + groups[qrels.rows[in_corpus]]
    distinct, back = np.unique(keys, return_inverse=True)
    best = np.full(len(distinct), np.iinfo(np.int64).min)
    np.maximum.at(best, back, qrels.grades[in_corpus])
    query, group = np.divmod(distinct, max(len(groups), 1))
    sizes = begins[group + 1] - begins[group]
    at = np.repeat(begins[group] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    q, d, grade = np.repeat(query, sizes), order[at], np.repeat(best, sizes)
    if scope is not None:
        kept = scope.allows(q, d) | (qrels.find_positions(q, d) >= 0)
        q, d, grade = q[kept], d[kept], grade[kept]
    dangling = ~in_corpus
    return Qrels.build(
        qrels.queries,
        qrels.docs,
        np.concatenate((q, qrels.query_rows[dangling])),
        np.concatenate((d, qrels.rows[dangling])),
        np.concatenate((grade, qrels.grades[dangling])),
        name=qrels.name,
        min_rel=qrels.min_rel,
        dangling=qrels.dangling,
    )


def find_unequal_groups(qrels: Qrels, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the groups whose members some query judges differently, or only some of them, by first row."""
    sizes = np.bincount(groups, minlength=len(groups))
    at = np.flatnonzero(qrels.rows >= 0)
    at = at[sizes[groups[qrels.rows[at]]] > 1]
    if not len(at):
        return groups[:0]
    group = groups[qrels.rows[at]]
    keys = qrels.query_rows[at] * len(groups) + group
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    grades = qrels.grades[at][order]
    judged = np.diff(np.append(starts, len(order)))
    unequal = np.minimum.reduceat(grades, starts) != np.maximum.reduceat(grades, starts)
    of_group = group[order][starts]
    return np.unique(of_group[unequal | (judged < sizes[of_group])])
