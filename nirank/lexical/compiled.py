"""BM25's loops compiled by numba: blocks of documents, and clauses skipped that cannot matter any more.

A clause is one term of a query in one field; it adds at most its weight to any score, since
s = w - w / (1 + tf * inv) < w. Once k documents are found, clauses whose weights together stay below the
k-th score are only looked up for documents that the other clauses brought up (Turtle and Flood,
Information Processing & Management 31(6), 1995: MaxScore), in blocks of documents whose sums stay in
cache. Nothing that could be among the k best is skipped, so results are those of `nirank.lexical.scoring`.

A document found is one uint64: the bits of its positive float32 score, then its rank among ids. Greater
is better in standard order, ties included.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[np.generic], ...]  # one array a field
Keys = NDArray[np.uint64]

BLOCK = 65_536  # documents whose sums are held at a time
_FIRST_BLOCK = 4_096  # smaller, so that a k-th score is known early
_SEEDS = 2_048  # documents from which the first bound is taken, or four times k
_GROUP = 64  # documents under one flag
_SLACK = 1 + 1e-6  # more than float32 and float64 rounding of a sum can be apart


@numba.njit(nogil=True, cache=True)
def _leap(values, at, end, wanted):  # type: ignore[no-untyped-def]
    """Return the first position from `at` whose value is not below `wanted`, by doubling steps."""
    step = 1
    low = at
    while at < end and values[at] < wanted:
        low = at + 1
        at += step
        step *= 2
    high = min(at, end)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(nogil=True, cache=True)
def _part(weight, tf, inverse):  # type: ignore[no-untyped-def]
    """Return one term's score in Lucene's float32 steps."""
    one = np.float32(1)
    return np.float64(np.float32(weight - np.float32(weight / np.float32(one + np.float32(tf * inverse)))))


@numba.njit(nogil=True, cache=True)
def _key(score, rank):  # type: ignore[no-untyped-def]
    return (np.uint64(np.float32(score).view(np.uint32)) << np.uint64(32)) | np.uint64(rank)


@numba.njit(nogil=True, cache=True)
def _first_bound(docs, tfs, norms, inverse, starts, ends, weights, k):  # type: ignore[no-untyped-def]
    """Return a score that the k-th document has at least, from some documents of the rarest term with k of them.

    Known before the first block, it spares the frequent terms' postings of all blocks. 0: nothing is known.
    """
    n_clauses = len(starts)
    chosen = 0
    while chosen < n_clauses and ends[chosen] - starts[chosen] < k:
        chosen += 1
    if chosen == n_clauses or n_clauses == 1:
        return np.float64(0)
    n = min(ends[chosen] - starts[chosen], max(4 * k, _SEEDS))
    sums = np.zeros(n, np.float64)
    for clause in range(n_clauses):
        posting, end, weight = starts[clause], ends[clause], weights[clause]
        for i in range(n):
            doc = docs[starts[chosen] + i]
            posting = _leap(docs, posting, end, doc)
            if posting < end and docs[posting] == doc:
                sums[i] += _part(weight, tfs[posting], inverse[norms[doc]])
    return np.partition(sums, n - k)[n - k] / _SLACK


@numba.njit(nogil=True, cache=True)
def search_all(docs, tfs, norms, inverses, whole, fields, starts, ends, weights, rank, k):  # type: ignore[no-untyped-def]
    """Return the keys of one query's k best among all documents, in no order.

    docs, tfs, norms  postings and length bytes of each field
    inverses          (256,) float32 of each field
    whole             whether a field's sum enters unrounded
    fields … weights  the query's clauses: by field; of one field, the greatest weight first
    rank              (n_docs,) byte-order rank of ids
    k                 at most n_docs
    """
    n_docs = len(rank)
    n_clauses = len(starts)
    prunes = len(docs) == 1
    at = starts.copy()
    size = min(BLOCK, n_docs)
    sums = np.zeros(size, np.float64)
    totals = np.zeros(size if not prunes else 0, np.float64)
    groups = (size + _GROUP - 1) // _GROUP
    touched = np.zeros(groups, np.bool_)
    rows = np.empty(size, np.int32)
    found = np.empty(2 * k + size, np.uint64)
    kept = 0
    least = np.float64(0)  # the k-th score so far
    least_key = np.uint64(0)
    seeded = False
    if prunes:
        least = _first_bound(docs[0], tfs[0], norms[0], inverses[0], starts, ends, weights, k)
        least_key = _key(least, 0)
        seeded = least > 0
    low = 0
    width = min(_FIRST_BLOCK, size)
    while low < n_docs:
        high = min(low + width, n_docs)
        width = min(2 * width, size)
        rest = np.float64(0)  # what the clauses from `needed` on can add
        needed = n_clauses
        if prunes and least > 0:
            while needed > 0 and (rest + weights[needed - 1]) * _SLACK < least:
                needed -= 1
                rest += weights[needed]
        clause = 0
        for field in range(len(docs)):
            of_docs, of_tfs, of_norms, inverse = docs[field], tfs[field], norms[field], inverses[field]
            while clause < needed and fields[clause] == field:
                posting, end, weight = at[clause], ends[clause], weights[clause]
                while posting < end and of_docs[posting] < high:
                    doc = of_docs[posting]
                    sums[doc - low] += _part(weight, of_tfs[posting], inverse[of_norms[doc]])
                    touched[(doc - low) // _GROUP] = True
                    posting += 1
                at[clause] = posting
                clause += 1
            if not prunes:
                for group in range(groups):
                    if touched[group]:
                        for doc in range(group * _GROUP, min((group + 1) * _GROUP, size)):
                            totals[doc] += sums[doc] if whole[field] else np.float64(np.float32(sums[doc]))
                            sums[doc] = 0
        reached = sums if prunes else totals
        n = 0
        for group in range(groups):
            if touched[group]:
                touched[group] = False
                for doc in range(group * _GROUP, min((group + 1) * _GROUP, size)):
                    if reached[doc] > 0:
                        if (reached[doc] + rest) * _SLACK >= least:
                            rows[n] = doc
                            n += 1
                        else:
                            reached[doc] = 0
        while clause < n_clauses:  # looked up for what is left
            weight = weights[clause]
            rest -= weight
            posting, end = at[clause], ends[clause]
            left = 0
            for i in range(n):
                doc = rows[i]
                posting = _leap(docs[0], posting, end, doc + low)
                if posting < end and docs[0][posting] == doc + low:
                    sums[doc] += _part(weight, tfs[0][posting], inverses[0][norms[0][doc + low]])
                if (sums[doc] + rest) * _SLACK >= least:
                    rows[left] = doc
                    left += 1
                else:
                    sums[doc] = 0
            n = left
            at[clause] = posting
            clause += 1
        for i in range(n):
            doc = rows[i]
            key = _key(reached[doc], rank[doc + low])
            reached[doc] = 0
            if key > least_key and key >> np.uint64(32):
                found[kept] = key
                kept += 1
        if kept >= 2 * k or (kept >= k and not seeded):
            found[:k] = np.partition(found[:kept], kept - k)[kept - k :]
            kept = k
            seeded = True
            least_key = found[:k].min()
            least = np.float64(np.uint32(least_key >> np.uint64(32)).view(np.float32))
        low = high
    return found[:kept]


@numba.njit(nogil=True, cache=True)
def search_listed(docs, tfs, norms, inverses, whole, fields, starts, ends, weights, rank, listed):  # type: ignore[no-untyped-def]
    """Return the keys of the listed documents (ascending rows) that share a term with one query, in no order."""
    n = len(listed)
    totals = np.zeros(n, np.float64)
    sums = np.zeros(n, np.float64)
    clause = 0
    for field in range(len(docs)):
        of_docs, of_tfs, of_norms, inverse = docs[field], tfs[field], norms[field], inverses[field]
        while clause < len(starts) and fields[clause] == field:
            posting, end, weight = starts[clause], ends[clause], weights[clause]
            i = 0
            while i < n and posting < end:
                doc, row = of_docs[posting], listed[i]
                if doc < row:
                    posting = _leap(of_docs, posting, end, row)
                elif row < doc:
                    i = _leap(listed, i, n, doc)
                else:
                    sums[i] += _part(weight, of_tfs[posting], inverse[of_norms[doc]])
                    posting += 1
                    i += 1
            clause += 1
        for i in range(n):
            totals[i] += sums[i] if whole[field] else np.float64(np.float32(sums[i]))
            sums[i] = 0
    found = np.empty(n, np.uint64)
    kept = 0
    for i in range(n):
        key = _key(totals[i], rank[listed[i]])
        if key >> np.uint64(32):
            found[kept] = key
            kept += 1
    return found[:kept]
