"""BM25's loops in machine code: blocks of documents, and clauses skipped that cannot matter any more.

A clause is one term of a query in one field; it adds at most its weight to any score, since
s = w - w / (1 + tf * inv) < w. Once k documents are known, clauses whose weights together stay below the
k-th score are only looked up for documents that the other clauses brought up (Turtle and Flood,
Information Processing & Management 31(6), 1995: MaxScore), in blocks of documents whose sums stay in
cache. A term of many documents is looked up in its bits (`nirank.lexical.bitmaps`), not in its list. Nothing that
could be among the k best is skipped, so results are those of the formula in `nirank.lexical.scoring`.

A result is one uint64, its key: the bits of a positive float32 score, then the document's rank among ids.
A greater key is better in standard order, ties included.

The loops are written for a short compilation too: numba takes seconds for each of numpy's sort and partition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.lexical.bitmap_loops import find_in_bitmap

Arrays = tuple[NDArray[np.generic], ...]

BLOCK = 32_768  # documents whose sums are held at a time
_FIRST_BLOCK = 4_096  # smaller, so that a k-th score is known early
_SEEDS = 256  # documents from which the first bound is taken, or four times k
_TOGETHER = 1_024  # postings whose scores are computed before they are added
_TINY = 1e-300  # less than any sum but 0
_GROUP = 64  # documents under one flag
_SLACK = 1 + 1e-6  # more than float32 and float64 rounding of a sum can be apart


@compile_loop
def find_first(values, position, end, wanted):  # type: ignore[no-untyped-def]
    """Return the first position whose value is not below `wanted`, by doubling steps."""
    step = 1
    low = position
    while position < end and values[position] < wanted:
        low = position + 1
        position += step
        step *= 2
    high = min(position, end)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@compile_loop
def _score_term(weight, tf, inverse):  # type: ignore[no-untyped-def]
    """Return one term's score in Lucene's float32 steps."""
    one = np.float32(1)
    return np.float64(np.float32(weight - np.float32(weight / np.float32(one + np.float32(tf * inverse)))))


@compile_loop
def _make_key(score, rank):  # type: ignore[no-untyped-def]
    return (np.uint64(np.float32(score).view(np.uint32)) << np.uint64(32)) | np.uint64(rank)


@compile_loop
def _read_score(key):  # type: ignore[no-untyped-def]
    return np.float64(np.uint32(key >> np.uint64(32)).view(np.float32))


@compile_loop
def select_greatest(keys, n, k):  # type: ignore[no-untyped-def]
    """Move the k greatest of the first n keys to the front, the least of them last (Hoare 1961: FIND)."""
    low = 0
    high = n - 1
    while low < high:
        pivot = keys[(low + high) // 2]
        left = low
        right = high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                key = keys[left]
                keys[left] = keys[right]
                keys[right] = key
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            break


@compile_loop
def _bound_kth_score(docs, tfs, norms, inverse, words, preceding, starts, ends, weights, bitmaps, k):  # type: ignore[no-untyped-def]
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
        posting, end, weight, bitmap = starts[clause], ends[clause], weights[clause], bitmaps[clause]
        for i in range(n):
            doc = docs[starts[chosen] + i]
            if bitmap >= 0:
                place = find_in_bitmap(words[bitmap], preceding[bitmap], doc)
                if place >= 0:
                    sums[i] += _score_term(weight, tfs[posting + place], inverse[norms[doc]])
                continue
            posting = find_first(docs, posting, end, doc)
            if posting < end and docs[posting] == doc:
                sums[i] += _score_term(weight, tfs[posting], inverse[norms[doc]])
    keys = np.empty(n, np.uint64)
    for i in range(n):
        keys[i] = _make_key(sums[i], i)
    select_greatest(keys, n, k)
    return _read_score(keys[k - 1]) / _SLACK


@compile_loop
def sort_rows(rows, n, bits):  # type: ignore[no-untyped-def]
    """Sort the first n distinct rows of a block, through one bit a document; bits are left as they came, zero."""
    for i in range(n):
        bits[rows[i] >> 6] |= np.uint64(1) << np.uint64(rows[i] & 63)
    position = 0
    for word in range(len(bits)):
        remaining = bits[word]
        bits[word] = 0
        while remaining:
            lowest = remaining & (~remaining + np.uint64(1))
            exponent = np.int64(np.float64(lowest).view(np.uint64) >> np.uint64(52)) - 1023  # lowest's logarithm
            rows[position] = (word << 6) + exponent
            position += 1
            remaining ^= lowest


@compile_loop
def search_field(  # type: ignore[no-untyped-def]
    docs,
    tfs,
    norms,
    inverse,
    words,
    preceding,
    starts,
    ends,
    weights,
    bitmaps,
    rank,
    k,
    sums,
    candidates,
    bits,
    keys,
):
    """Fill `keys` with one query's k best documents by one field, in any order; return how many there are.

    docs, tfs, norms  the field's postings and length bytes
    inverse           (256,) float32
    words, preceding  of the field's bitmaps
    starts … bitmaps  the query's clauses, the greatest weight first, and rows of bitmaps, -1: none
    rank              (n_docs,) byte-order rank of ids
    k                 at most n_docs
    sums … keys       what `make_buffers` made, for one thread at a time
    """
    n_docs = len(rank)
    n_clauses = len(starts)
    size = len(sums)
    position = starts.copy()
    parts = np.empty(_TOGETHER, np.float32)
    least = _bound_kth_score(
        docs, tfs, norms, inverse, words, preceding, starts, ends, weights, bitmaps, k
    )  # the k-th score is not below
    least_key = _make_key(least, 0)
    bounded = least > 0
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
            posting, weight = position[clause], weights[clause]
            end = find_first(docs, posting, ends[clause], high)
            position[clause] = end
            postings += end - posting
            while posting < end:
                count = min(_TOGETHER, end - posting)
                for i in range(count):  # apart from the sums: these divisions are done sixteen at a time
                    tf = np.float32(tfs[posting + i] * inverse[norms[docs[posting + i]]])
                    parts[i] = weight - np.float32(weight / np.float32(np.float32(1) + tf))
                for i in range(count):
                    doc = docs[posting + i] - low
                    before = sums[doc]
                    after = before + np.float64(parts[i])
                    sums[doc] = after
                    candidates[n] = doc
                    n += (before < cut) & (after >= cut)  # a sum only grows, so it passes once
                posting += count
        if 1 < needed < n_clauses:
            sort_rows(candidates, n, bits)
        for clause in range(needed, n_clauses):  # looked up for the candidates that remain
            weight = weights[clause]
            rest -= weight
            posting, end, bitmap = position[clause], ends[clause], bitmaps[clause]
            remaining = 0
            if bitmap >= 0:
                start, term_words, term_preceding = starts[clause], words[bitmap], preceding[bitmap]
                for i in range(n):
                    doc = candidates[i]
                    place = find_in_bitmap(term_words, term_preceding, doc + low)
                    if place >= 0:
                        sums[doc] += _score_term(weight, tfs[start + place], inverse[norms[doc + low]])
                    candidates[remaining] = doc
                    remaining += (sums[doc] + rest) * _SLACK >= least
                n = remaining
                continue
            for i in range(n):
                doc = candidates[i]
                posting = find_first(docs, posting, end, doc + low)
                if posting < end and docs[posting] == doc + low:
                    sums[doc] += _score_term(weight, tfs[posting], inverse[norms[doc + low]])
                if (sums[doc] + rest) * _SLACK >= least:
                    candidates[remaining] = doc
                    remaining += 1
            n = remaining
            position[clause] = posting
        for i in range(n):
            key = _make_key(sums[candidates[i]], rank[candidates[i] + low])
            if key > least_key and key >> np.uint64(32):
                keys[kept] = key
                kept += 1
        if 4 * postings > size:
            for doc in range(size):
                sums[doc] = 0
        else:
            for clause in range(needed):
                posting = position[clause] - 1
                while posting >= starts[clause] and docs[posting] >= low:
                    sums[docs[posting] - low] = 0
                    posting -= 1
        if kept >= 2 * k or (kept >= k and not bounded):
            select_greatest(keys, kept, k)
            kept = k
            bounded = True
            least_key = keys[k - 1]
            least = _read_score(least_key)
        low = high
    if kept > k:
        select_greatest(keys, kept, k)
        kept = k
    return kept


def make_buffers(n_docs: int, k: int) -> Arrays:
    """Return one thread's working memory: fresh memory for each query would cost as much as a search."""
    size = min(BLOCK, n_docs)
    return (
        np.zeros(size, np.float64),
        np.empty(size + 1, np.int32),
        np.zeros(size // 64 + 1, np.uint64),
        np.empty(min(2 * k, n_docs) + size, np.uint64),
    )


@compile_loop
def search_fields(docs, tfs, norms, inverses, unrounded, fields, starts, ends, weights, rank, k, sums, keys):  # type: ignore[no-untyped-def]
    """Fill `keys` with one query's k best documents by several fields, in any order; return how many there are.

    docs, tfs, norms, inverses  as of `search_field`, one of each field
    unrounded                   whether a field's sum enters as float64
    fields … weights            the query's clauses, by field
    sums, keys                  of `make_buffers`
    """
    n_docs = len(rank)
    position = starts.copy()
    size = len(sums)
    totals = np.zeros(size, np.float64)
    groups = (size + _GROUP - 1) // _GROUP
    touched = np.zeros(groups, np.bool_)
    kept = 0
    least_key = np.uint64(0)
    for low in range(0, n_docs, max(size, 1)):
        high = min(low + size, n_docs)
        clause = 0
        for field in range(len(docs)):
            field_docs, field_tfs, field_norms, inverse = docs[field], tfs[field], norms[field], inverses[field]
            while clause < len(starts) and fields[clause] == field:
                posting, end, weight = position[clause], ends[clause], weights[clause]
                while posting < end and field_docs[posting] < high:
                    doc = field_docs[posting]
                    sums[doc - low] += _score_term(weight, field_tfs[posting], inverse[field_norms[doc]])
                    touched[(doc - low) // _GROUP] = True
                    posting += 1
                position[clause] = posting
                clause += 1
            for group in range(groups):
                if touched[group]:
                    for doc in range(group * _GROUP, min((group + 1) * _GROUP, size)):
                        totals[doc] += sums[doc] if unrounded[field] else np.float64(np.float32(sums[doc]))
                        sums[doc] = 0
        for group in range(groups):
            if touched[group]:
                touched[group] = False
                for doc in range(group * _GROUP, min((group + 1) * _GROUP, size)):
                    if totals[doc] > 0:
                        key = _make_key(totals[doc], rank[doc + low])
                        totals[doc] = 0
                        if key > least_key and key >> np.uint64(32):
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


@compile_loop
def search_rows(docs, tfs, norms, inverses, unrounded, fields, starts, ends, weights, rank, k, sums, keys, rows):  # type: ignore[no-untyped-def]
    """Fill `keys` with the k best of some documents for one query, in any order; return how many there are.

    rows  the documents' rows, ascending
    """
    position = starts.copy()
    size = len(sums)
    totals = np.zeros(min(size, len(rows)), np.float64)
    kept = 0
    least_key = np.uint64(0)
    for low in range(0, len(rows), max(size, 1)):
        high = min(low + size, len(rows))
        clause = 0
        for field in range(len(docs)):
            field_docs, field_tfs, field_norms, inverse = docs[field], tfs[field], norms[field], inverses[field]
            while clause < len(starts) and fields[clause] == field:
                posting, end, weight = position[clause], ends[clause], weights[clause]
                i = low
                while i < high and posting < end:
                    doc, row = field_docs[posting], rows[i]
                    if doc < row:
                        posting = find_first(field_docs, posting, end, row)
                    elif row < doc:
                        i = find_first(rows, i, high, doc)
                    else:
                        sums[i - low] += _score_term(weight, field_tfs[posting], inverse[field_norms[doc]])
                        posting += 1
                        i += 1
                position[clause] = posting
                clause += 1
            for i in range(high - low):
                totals[i] += sums[i] if unrounded[field] else np.float64(np.float32(sums[i]))
                sums[i] = 0
        for i in range(high - low):
            key = _make_key(totals[i], rank[rows[low + i]])
            totals[i] = 0
            if key > least_key and key >> np.uint64(32):
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
