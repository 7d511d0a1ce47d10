"""Which passage of a document is read beside a query, where examples are of passages."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.flow.pairs import concatenate_ranges
from nirank.flow.ranking import Ranking
from nirank.training.mining import MinedRows

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PassageChoice:
    """The passages of documents, and a ranking of them for each query.

    A pair's passage is the document's best; its first where none is ranked, since it shares no term with the query.
    """

    passages: Texts
    ranking: Ranking

    def replace_documents(self, mined: MinedRows) -> MinedRows:
        """Return examples whose documents are passages: rows of `passages` instead of those of documents.

        What is known of a query and a document is known of all of the document's passages that are read.
        """
        owners = np.repeat(mined.queries, np.diff(mined.offsets))
        positives, unranked = self._choose(mined.queries, mined.positives)
        negatives, unranked_negatives = self._choose(owners, mined.negatives)
        read = np.unique(np.concatenate((positives, negatives)))
        documents = np.asarray(self.passages.parents)[read]
        order = np.argsort(documents, kind="stable")
        starts = np.searchsorted(documents[order], mined.known[:, 1])
        lengths = np.searchsorted(documents[order], mined.known[:, 1], side="right") - starts
        known_passages = read[order[concatenate_ranges(starts, lengths)]]
        known = np.column_stack((np.repeat(mined.known[:, 0], lengths), known_passages)).astype(np.int64)
        n_unranked = unranked + unranked_negatives
        counts = {"read from the first passage: no term in common": n_unranked} if n_unranked else {}
        return replace(mined, positives=positives, negatives=negatives, known=known, counts={**mined.counts, **counts})

    def _choose(self, queries: Rows, docs: Rows) -> tuple[Rows, int]:
        """Return the passages of some pairs, and how many of the pairs have none that is ranked."""
        parents = np.asarray(self.passages.parents, np.int64)
        n_docs = int(max(parents.max(initial=0), docs.max(initial=0))) + 1
        with_passages, first = np.unique(parents, return_index=True)
        places = np.searchsorted(with_passages, docs)
        if not np.isin(docs, with_passages).all():
            raise DataError("training: some documents have no passage; the map of parts must give each at least one")
        chosen = first[places].astype(np.int64)
        ranked = self.ranking.query_rows.astype(np.int64) * n_docs + parents[self.ranking.rows]
        known, best = np.unique(ranked, return_index=True)  # the first of equal keys: a query's list is best first
        wanted = queries.astype(np.int64) * n_docs + docs
        at = np.searchsorted(known, wanted)
        found = at < len(known)
        found[found] = known[at[found]] == wanted[found]
        chosen[found] = self.ranking.rows[best[at[found]]]
        return chosen, int((~found).sum())
