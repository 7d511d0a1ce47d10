"""BM25's search over several fields: every posting of a block of documents, and each field's sum rounded by itself."""

from __future__ import annotations

import numpy as np

from nirank.base.loops import compile_loop
from nirank.lexical.kernels import make_key, score_term, select_greatest

_GROUP = 64  # documents under one flag


@compile_loop
def search_fields(docs, tfs, norms, inverses, unrounded, fields, starts, ends, weights, rank, k, sums, keys):  # type: ignore[no-untyped-def]
    """Fill `keys` with one query's k best documents by several fields, in any order; return how many there are.

    docs, tfs, norms, inverses  as of `nirank.lexical.field_kernels.search_field`, one of each field
    unrounded                   whether a field's sum enters as float64
    fields … weights            the query's clauses, by field
    sums, keys                  of `nirank.lexical.kernels.make_buffers`
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
                    sums[doc - low] += score_term(weight, field_tfs[posting], inverse[field_norms[doc]])
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
                        key = make_key(totals[doc], rank[doc + low])
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
