"""Query likelihood's loops in machine code: documents in blocks, terms in turn, as `nirank.lexical.kernels` does.

A clause is one term of the query, with a bound that no document's share of it exceeds. Once k documents are known,
clauses that together cannot lift a document to the k-th score are only looked up for those that the others brought up
(Turtle and Flood 1995: MaxScore). Nothing that could be among the k best is skipped.

A result is one uint64, its key: a float32 score as an unsigned number of the same order, for scores may be negative,
then the document's rank among ids. A greater key is better in standard order, ties included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.lexical.kernels import find_first, select_greatest, sort_rows

_FIRST_BLOCK = 4_096  # smaller, so that a k-th score is known early
_SLACK = 1e-6  # more than rounding of a sum can come to, as a share of it
_SIGN = np.uint32(0x80000000)
_LEAST = -1e300  # less than any score


@compile_loop
def _score_term(weight, factor, tf, length, divides):  # type: ignore[no-untyped-def]
    """Return weight × ln(1 + factor × tf), where `divides` of tf / length."""
    share = tf / length if divides else np.float64(tf)
    return weight * np.log(1 + factor * share)


@compile_loop
def _make_key(score, rank):  # type: ignore[no-untyped-def]
    bits = np.float32(score).view(np.uint32)
    bits = ~bits if bits & _SIGN else bits | _SIGN
    return (np.uint64(bits) << np.uint64(32)) | np.uint64(rank)


@compile_loop
def _read_score(key):  # type: ignore[no-untyped-def]
    bits = np.uint32(key >> np.uint64(32))
    bits = bits ^ _SIGN if bits & _SIGN else ~bits
    return np.float64(np.uint32(bits).view(np.float32))


def read_scores(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Return the scores that keys hold."""
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    return np.where(bits & _SIGN, bits ^ _SIGN, ~bits).astype(np.uint32).view(np.float32)


@compile_loop
def count_in_rows(docs, tfs, starts, ends, rows):  # type: ignore[no-untyped-def]
    """Return how often each clause's term stands in some documents, (n_clauses,) float64; rows ascend."""
    totals = np.zeros(len(starts), np.float64)
    for clause in range(len(starts)):
        posting, end = starts[clause], ends[clause]
        i = 0
        while i < len(rows) and posting < end:
            if docs[posting] < rows[i]:
                posting = find_first(docs, posting, end, rows[i])
            elif rows[i] < docs[posting]:
                i = find_first(rows, i, len(rows), docs[posting])
            else:
                totals[clause] += tfs[posting]
                posting += 1
                i += 1
    return totals


@compile_loop
def _weigh_length(length, query_length, mu):  # type: ignore[no-untyped-def]
    """Return query_length × ln(mu / (length + mu)); 0 where mu is 0."""
    return query_length * np.log(mu / (length + mu)) if mu > 0 else np.float64(0)


@compile_loop
def search_all(  # type: ignore[no-untyped-def]
    docs,
    tfs,
    lengths,
    starts,
    ends,
    weights,
    factors,
    bounds,
    shortest,
    length,
    mu,
    rank,
    k,
    sums,
    candidates,
    bits,
    keys,
):
    """Fill `keys` with one query's k best documents, in any order; return how many there are.

    docs, tfs, lengths  the postings, and the documents' lengths
    starts … bounds     the query's clauses, the greatest bound first
    shortest            the least length of a document that has one
    length, mu          the query's length and Dirichlet's μ; μ = 0: Jelinek-Mercer
    rank                (n_docs,) byte-order rank of ids
    sums … keys         what `nirank.lexical.kernels.make_buffers` made, for one thread at a time
    """
    n_docs = len(rank)
    n_clauses = len(starts)
    size = len(sums)
    position = starts.copy()
    divides = mu == 0
    highest = _weigh_length(shortest, length, mu)  # what a document's length adds at most
    least = np.float64(_LEAST)  # the k-th score is not below
    least_key = np.uint64(0)
    kept = 0
    low = 0
    width = min(_FIRST_BLOCK, size)
    while low < n_docs:
        high = min(low + width, n_docs)
        width = min(2 * width, size)
        rest = np.float64(0)  # what the clauses from `needed` on can add
        needed = n_clauses
        while needed > 0 and (rest + bounds[needed - 1]) * (1 + _SLACK) + highest < least:
            needed -= 1
            rest += bounds[needed]
        cut = least - highest - rest
        cut -= _SLACK * abs(cut)
        n = 0
        for clause in range(needed):
            posting, end, weight, factor = position[clause], ends[clause], weights[clause], factors[clause]
            while posting < end and docs[posting] < high:
                doc = docs[posting] - low
                before = sums[doc]
                after = before + _score_term(weight, factor, tfs[posting], lengths[docs[posting]], divides)
                sums[doc] = after
                candidates[n] = doc
                n += (before == 0 or before < cut) and after >= cut  # a sum only grows, so it passes once
                posting += 1
            position[clause] = posting
        if 1 < needed < n_clauses:
            sort_rows(candidates, n, bits)
        for clause in range(needed, n_clauses):  # looked up for the candidates that remain
            weight, factor = weights[clause], factors[clause]
            rest -= bounds[clause]
            posting, end = position[clause], ends[clause]
            remaining = 0
            for i in range(n):
                doc = candidates[i]
                posting = find_first(docs, posting, end, doc + low)
                if posting < end and docs[posting] == doc + low:
                    sums[doc] += _score_term(weight, factor, tfs[posting], lengths[doc + low], divides)
                if (sums[doc] + max(rest, 0)) * (1 + _SLACK) + highest >= least:
                    candidates[remaining] = doc
                    remaining += 1
            n = remaining
            position[clause] = posting
        for i in range(n):
            doc = candidates[i]
            key = _make_key(sums[doc] + _weigh_length(lengths[doc + low], length, mu), rank[doc + low])
            if key > least_key:
                keys[kept] = key
                kept += 1
        sums[: high - low] = 0
        if kept >= 2 * k or (kept >= k and least_key == 0):
            select_greatest(keys, kept, k)
            kept = k
            least_key = keys[k - 1]
            least = _read_score(least_key)
            least -= _SLACK * abs(least)
        low = high
    if kept > k:
        select_greatest(keys, kept, k)
        kept = k
    return kept


@compile_loop
def search_rows(docs, tfs, lengths, starts, ends, weights, factors, length, mu, rank, k, sums, keys, rows):  # type: ignore[no-untyped-def]
    """Fill `keys` with the k best of some documents for one query, in any order; return how many there are.

    rows  the documents' rows, ascending; the others as of `search_all`
    """
    position = starts.copy()
    size = len(sums)
    divides = mu == 0
    kept = 0
    least_key = np.uint64(0)
    for low in range(0, len(rows), max(size, 1)):
        high = min(low + size, len(rows))
        for clause in range(len(starts)):
            posting, end, weight, factor = position[clause], ends[clause], weights[clause], factors[clause]
            i = low
            while i < high and posting < end:
                doc, row = docs[posting], rows[i]
                if doc < row:
                    posting = find_first(docs, posting, end, row)
                elif row < doc:
                    i = find_first(rows, i, high, doc)
                else:
                    sums[i - low] += _score_term(weight, factor, tfs[posting], lengths[doc], divides)
                    posting += 1
                    i += 1
            position[clause] = posting
        for i in range(high - low):
            if sums[i] > 0:
                row = rows[low + i]
                key = _make_key(sums[i] + _weigh_length(lengths[row], length, mu), rank[row])
                sums[i] = 0
                if key > least_key:
                    keys[kept] = key
                    kept += 1
        if kept >= 2 * k:
            select_greatest(keys, kept, k)
            kept = k
            least_key = keys[k - 1]
    if kept > k:
        select_greatest(keys, kept, k)
        kept = k
    return kept
