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

Arrays = tuple[NDArray[np.generic], ...]

BLOCK = 32_768  # documents whose sums are held at a time
_FIRST_BLOCK = 4_096  # smaller, so that a k-th score is known early
_SEEDS = 2_048  # documents from which the first bound is taken, or four times k
_TOGETHER = 1_024  # postings whose scores are computed before they are added
_TINY = 1e-300  # less than any sum but 0
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
def _best(keys, k, order):  # type: ignore[no-untyped-def]
    """Return rows and scores of the k greatest keys, best first."""
    if len(keys) > k:
        keys = np.partition(keys, len(keys) - k)[len(keys) - k :]
    keys = np.sort(keys)[::-1]
    rows = np.empty(len(keys), np.int64)
    scores = np.empty(len(keys), np.float32)
    for i in range(len(keys)):
        rows[i] = order[np.int64(keys[i] & np.uint64(0xFFFFFFFF))]
        scores[i] = np.uint32(keys[i] >> np.uint64(32)).view(np.float32)
    return rows, scores


@numba.njit(nogil=True, cache=True)
def _ascending(docs, n, bits):  # type: ignore[no-untyped-def]
    """Sort the first n distinct documents of a block, through one bit a document; bits are left as they came, zero."""
    for i in range(n):
        bits[docs[i] >> 6] |= np.uint64(1) << np.uint64(docs[i] & 63)
    at = 0
    for word in range(len(bits)):
        left = bits[word]
        bits[word] = 0
        while left:
            lowest = left & (~left + np.uint64(1))
            docs[at] = (word << 6) + np.int64(np.float64(lowest).view(np.uint64) >> np.uint64(52)) - 1023  # its log2
            at += 1
            left ^= lowest


@numba.njit(nogil=True, cache=True)
def search_field(docs, tfs, norms, inverse, starts, ends, weights, rank, order, k, sums, here, bits, found):  # type: ignore[no-untyped-def]
    """Return rows and scores of one query's k best documents by one field, best first.

    docs, tfs, norms  the field's postings and length bytes
    inverse           (256,) float32
    starts … weights  the query's clauses, the greatest weight first
    rank, order       (n_docs,) byte-order rank of ids, and its inverse
    k                 at most n_docs
    sums … found      what `scratch` made, for one thread at a time
    """
    n_docs = len(rank)
    n_clauses = len(starts)
    size = len(sums)
    at = starts.copy()
    parts = np.empty(_TOGETHER, np.float32)
    least = _first_bound(docs, tfs, norms, inverse, starts, ends, weights, k)  # the k-th score is not below
    least_key = _key(least, 0)
    seeded = least > 0
    kept = 0
    low = 0
    width = min(_FIRST_BLOCK, size)
    while low < n_docs:
        high = min(low + width, n_docs)
        width = min(2 * width, size)
        rest = np.float64(0)  # what the clauses from `needed` on can add
        needed = n_clauses
        while needed > 0 and (rest + weights[needed - 1]) * _SLACK < least:
            needed -= 1
            rest += weights[needed]
        cut = max(least / _SLACK - rest, _TINY)  # a sum that the rest cannot lift to the k-th score is below
        n = 0
        postings = 0
        for clause in range(needed):
            posting, weight = at[clause], weights[clause]
            end = _leap(docs, posting, ends[clause], high)
            at[clause] = end
            postings += end - posting
            while posting < end:
                some = min(_TOGETHER, end - posting)
                for i in range(some):  # apart from the sums: these divisions are done sixteen at a time
                    tf = np.float32(tfs[posting + i] * inverse[norms[docs[posting + i]]])
                    parts[i] = weight - np.float32(weight / np.float32(np.float32(1) + tf))
                for i in range(some):
                    doc = docs[posting + i] - low
                    before = sums[doc]
                    after = before + np.float64(parts[i])
                    sums[doc] = after
                    here[n] = doc
                    n += (before < cut) & (after >= cut)  # a sum only grows, so it passes once
                posting += some
        if 1 < needed < n_clauses:
            _ascending(here, n, bits)
        for clause in range(needed, n_clauses):  # looked up for what is left
            weight = weights[clause]
            rest -= weight
            posting, end = at[clause], ends[clause]
            left = 0
            for i in range(n):
                doc = here[i]
                posting = _leap(docs, posting, end, doc + low)
                if posting < end and docs[posting] == doc + low:
                    sums[doc] += _part(weight, tfs[posting], inverse[norms[doc + low]])
                if (sums[doc] + rest) * _SLACK >= least:
                    here[left] = doc
                    left += 1
            n = left
            at[clause] = posting
        for i in range(n):
            key = _key(sums[here[i]], rank[here[i] + low])
            if key > least_key and key >> np.uint64(32):
                found[kept] = key
                kept += 1
        if 4 * postings > size:
            sums[:] = 0
        else:
            for clause in range(needed):
                posting = at[clause] - 1
                while posting >= starts[clause] and docs[posting] >= low:
                    sums[docs[posting] - low] = 0
                    posting -= 1
        if kept >= 2 * k or (kept >= k and not seeded):
            found[:k] = np.partition(found[:kept], kept - k)[kept - k :]
            kept = k
            seeded = True
            least_key = found[:k].min()
            least = np.float64(np.uint32(least_key >> np.uint64(32)).view(np.float32))
        low = high
    return _best(found[:kept], k, order)


def scratch(n_docs: int, k: int) -> Arrays:
    """Return what one thread needs for `search_field`, made once: fresh memory for each query would cost as much."""
    size = min(BLOCK, n_docs)
    return (
        np.zeros(size, np.float64),
        np.empty(size + 1, np.int32),
        np.zeros(size // 64 + 1, np.uint64),
        np.empty(2 * k + size, np.uint64),
    )


@numba.njit(nogil=True, cache=True)
def search_fields(docs, tfs, norms, inverses, whole, fields, starts, ends, weights, rank, order, k):  # type: ignore[no-untyped-def]
    """Return rows and scores of one query's k best documents by several fields, best first; nothing is skipped.

    docs, tfs, norms, inverses  as of `search_field`, one of each field
    whole                       whether a field's sum enters unrounded
    fields … weights            the query's clauses, by field
    """
    n_docs = len(rank)
    at = starts.copy()
    size = min(BLOCK, n_docs)
    sums = np.zeros(size, np.float64)
    totals = np.zeros(size, np.float64)
    groups = (size + _GROUP - 1) // _GROUP
    touched = np.zeros(groups, np.bool_)
    found = np.empty(2 * k + size, np.uint64)
    kept = 0
    least_key = np.uint64(0)
    for low in range(0, n_docs, size):
        high = min(low + size, n_docs)
        clause = 0
        for field in range(len(docs)):
            of_docs, of_tfs, of_norms, inverse = docs[field], tfs[field], norms[field], inverses[field]
            while clause < len(starts) and fields[clause] == field:
                posting, end, weight = at[clause], ends[clause], weights[clause]
                while posting < end and of_docs[posting] < high:
                    doc = of_docs[posting]
                    sums[doc - low] += _part(weight, of_tfs[posting], inverse[of_norms[doc]])
                    touched[(doc - low) // _GROUP] = True
                    posting += 1
                at[clause] = posting
                clause += 1
            for group in range(groups):
                if touched[group]:
                    for doc in range(group * _GROUP, min((group + 1) * _GROUP, size)):
                        totals[doc] += sums[doc] if whole[field] else np.float64(np.float32(sums[doc]))
                        sums[doc] = 0
        for group in range(groups):
            if touched[group]:
                touched[group] = False
                for doc in range(group * _GROUP, min((group + 1) * _GROUP, size)):
                    if totals[doc] > 0:
                        key = _key(totals[doc], rank[doc + low])
                        totals[doc] = 0
                        if key > least_key and key >> np.uint64(32):
                            found[kept] = key
                            kept += 1
        if kept >= 2 * k:
            found[:k] = np.partition(found[:kept], kept - k)[kept - k :]
            kept = k
            least_key = found[:k].min()
    return _best(found[:kept], k, order)


@numba.njit(nogil=True, cache=True)
def search_listed(docs, tfs, norms, inverses, whole, fields, starts, ends, weights, rank, order, k, listed):  # type: ignore[no-untyped-def]
    """Return rows and scores of the k best listed documents (ascending rows) that share a term with one query."""
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
    return _best(found[:kept], k, order)
