"""BM25's search inside candidates: rows of documents and lists of postings step along each other."""

from __future__ import annotations

import numpy as np

from nirank.base.loops import compile_loop
from nirank.lexical.kernels import find_first, make_key, score_term, select_greatest


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
                        sums[i - low] += score_term(weight, field_tfs[posting], inverse[field_norms[doc]])
                        posting += 1
                        i += 1
                position[clause] = posting
                clause += 1
            for i in range(high - low):
                totals[i] += sums[i] if unrounded[field] else np.float64(np.float32(sums[i]))
                sums[i] = 0
        for i in range(high - low):
            key = make_key(totals[i], rank[rows[low + i]])
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
