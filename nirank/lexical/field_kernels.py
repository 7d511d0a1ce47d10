"""BM25's search over one field: blocks of documents, and clauses and postings skipped that cannot matter any more.

A clause is one term of a query; what it adds to a score, s = w - w / (1 + tf * inv), is bounded by its greatest tf
and the shortest document. Once k documents are known, clauses whose bounds together stay below the k-th score are only
looked up for documents that the other clauses brought up (Turtle and Flood, Information Processing & Management
31(6), 1995: MaxScore), in blocks of documents whose sums stay in cache. A term of many documents is looked up in its
bits (`nirank.lexical.bitmaps`), not in its list. Where one clause is left whose list is read, a low tf tells by itself
that a posting cannot matter. Nothing that could be among the k best is skipped, so results are those of the formula
in `nirank.lexical.scoring`.
"""

from __future__ import annotations

import numpy as np

from nirank.base.loops import compile_loop
from nirank.lexical.bitmap_loops import find_in_bitmap
from nirank.lexical.kernels import find_first, make_key, read_score, score_term, select_greatest, sort_rows

_FIRST_BLOCK = 4_096  # smaller, so that a k-th score is known early
_SEEDS = 256  # documents from which the first bound is taken, or four times k
_TOGETHER = 1_024  # postings whose scores are computed before they are added
_TINY = 1e-300  # less than any sum but 0
_ROUNDING = 1e-6  # of a weight: more than float32 rounding makes of its score
_SLACK = 1 + 1e-6  # more than float32 and float64 rounding of a sum can be apart


@compile_loop
def _bound_tf(weight, most, cut):  # type: ignore[no-untyped-def]
    """Return a tf below which one term's score stays below `cut` whatever the document's length.

    most  the greatest `inv` of a document: s < cut is tf * inv < w / (w - cut) - 1
    """
    cut -= _ROUNDING * weight
    if cut <= 0:
        return np.float32(0)
    if cut >= weight:
        return np.float32(np.inf)
    return np.float32((weight / (weight - cut) - 1) / most / _SLACK)


@compile_loop
def _bound_scores(weights, most_tfs, most):  # type: ignore[no-untyped-def]
    """Return for each clause a score that no document's exceeds, from its greatest tf and the shortest document."""
    bounds = np.empty(len(weights), np.float64)
    for i in range(len(weights)):
        weight = np.float64(weights[i])
        bounds[i] = min(weight, weight * (1 + _ROUNDING) - weight / (1 + np.float64(most_tfs[i]) * most))
    return bounds


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
                    sums[i] += score_term(weight, tfs[posting + place], inverse[norms[doc]])
                continue
            posting = find_first(docs, posting, end, doc)
            if posting < end and docs[posting] == doc:
                sums[i] += score_term(weight, tfs[posting], inverse[norms[doc]])
    keys = np.empty(n, np.uint64)
    for i in range(n):
        keys[i] = make_key(sums[i], i)
    select_greatest(keys, n, k)
    return read_score(keys[k - 1]) / _SLACK


@compile_loop
def _choose_postings(docs, tfs, norms, inverse, posting, end, weight, least_tf, low, cut, sums, candidates, chosen):  # type: ignore[no-untyped-def]
    """Score a list's postings of no less than a tf; return how many there are, and how many candidates.

    posting, end  the list's part in the block that begins at document `low`
    cut           candidates are the documents whose score is not below
    chosen        filled with the documents that have a sum now
    """
    n_chosen = 0
    for i in range(end - posting):
        chosen[n_chosen] = i
        n_chosen += tfs[posting + i] >= least_tf
    n = 0
    for i in range(n_chosen):
        tf, doc = tfs[posting + chosen[i]], docs[posting + chosen[i]]
        score = score_term(weight, tf, inverse[norms[doc]])
        sums[doc - low] = score
        chosen[i] = doc - low
        candidates[n] = doc - low
        n += score >= cut
    return n_chosen, n


@compile_loop
def search_field(  # type: ignore[no-untyped-def]
    docs,
    tfs,
    norms,
    inverse,
    most,
    words,
    preceding,
    starts,
    ends,
    weights,
    bitmaps,
    most_tfs,
    rank,
    k,
    sums,
    candidates,
    chosen,
    bits,
    keys,
):
    """Fill `keys` with one query's k best documents by one field, in any order; return how many there are.

    docs, tfs, norms  the field's postings and length bytes
    inverse           (256,) float32
    most              the greatest of a document's
    words, preceding  of the field's bitmaps
    starts … bitmaps  the query's clauses, the greatest weight first, and rows of bitmaps, -1: none
    most_tfs          the greatest tf of each clause's postings, infinite: not known
    rank              (n_docs,) byte-order rank of ids
    k                 at most n_docs
    sums … keys       what `nirank.lexical.kernels.make_buffers` made, for one thread at a time
    """
    n_docs = len(rank)
    n_clauses = len(starts)
    size = len(sums)
    position = starts.copy()
    bounds = _bound_scores(weights, most_tfs, most)
    parts = np.empty(_TOGETHER, np.float32)
    least = _bound_kth_score(
        docs, tfs, norms, inverse, words, preceding, starts, ends, weights, bitmaps, k
    )  # the k-th score is not below
    least_key = make_key(least, 0)
    bounded = least > 0
    kept = 0
    low = 0
    width = min(_FIRST_BLOCK, size)
    while low < n_docs:
        high = min(low + width, n_docs)
        width = min(2 * width, size)
        rest = np.float64(0)  # what the clauses from `needed` on can add
        needed = n_clauses
        while needed > 0 and (rest + bounds[needed - 1]) * _SLACK < least:
            needed -= 1
            rest += bounds[needed]
        cut = max(least / _SLACK - rest, _TINY)  # a sum that the rest cannot lift to the k-th score is below
        n = 0
        postings = 0
        least_tf = _bound_tf(weights[0], most, cut) if needed == 1 else np.float32(0)
        choosing = least_tf > 1  # at 1 all would be chosen, if all frequencies are whole numbers
        n_chosen = 0
        if choosing:
            posting = position[0]
            position[0] = end = find_first(docs, posting, ends[0], high)
            n_chosen, n = _choose_postings(
                docs, tfs, norms, inverse, posting, end, weights[0], least_tf, low, cut, sums, candidates, chosen
            )
        for clause in range(0 if choosing else needed):
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
            rest -= bounds[clause]
            posting, end, bitmap = position[clause], ends[clause], bitmaps[clause]
            remaining = 0
            if bitmap >= 0:
                start, term_words, term_preceding = starts[clause], words[bitmap], preceding[bitmap]
                for i in range(n):
                    doc = candidates[i]
                    place = find_in_bitmap(term_words, term_preceding, doc + low)
                    if place >= 0:
                        sums[doc] += score_term(weight, tfs[start + place], inverse[norms[doc + low]])
                    candidates[remaining] = doc
                    remaining += (sums[doc] + rest) * _SLACK >= least
                n = remaining
                continue
            for i in range(n):
                doc = candidates[i]
                posting = find_first(docs, posting, end, doc + low)
                if posting < end and docs[posting] == doc + low:
                    sums[doc] += score_term(weight, tfs[posting], inverse[norms[doc + low]])
                if (sums[doc] + rest) * _SLACK >= least:
                    candidates[remaining] = doc
                    remaining += 1
            n = remaining
            position[clause] = posting
        for i in range(n):
            key = make_key(sums[candidates[i]], rank[candidates[i] + low])
            if key > least_key and key >> np.uint64(32):
                keys[kept] = key
                kept += 1
        if choosing:
            for i in range(n_chosen):
                sums[chosen[i]] = 0
        elif 4 * postings > size:
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
            least = read_score(least_key)
        low = high
    if kept > k:
        select_greatest(keys, kept, k)
        kept = k
    return kept
