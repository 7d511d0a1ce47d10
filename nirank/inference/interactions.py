"""What DRMM and PACRR read of a query and a document: how near each of the query's terms is to the document's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.loops import compile_loop
from nirank.base.memo import Keys, Rows, combine_keys, hash_bytes
from nirank.inference.remembered import compute_locally, compute_missing_pairs, split_by_number
from nirank.inference.word_pieces import Pieces, WordPieces

Network = Literal["drmm", "pacrr"]
Cells = NDArray[np.float32]

BINS = 30  # of a histogram: 29 on [-1, 1), and one of exact matches (Guo et al., CIKM 2016)
_SHARD_DOCS = 256  # whose histograms are kept in a memo together
_BLOCK_PIECES = 8192  # of the vocabulary whose cosines are in memory at a time


@dataclass(frozen=True)
class InteractionDesign:
    """What a network reads, and its size.

    query_terms  word pieces of a query: those of the greatest tf · idf, in the order of the text
    doc_terms    pacrr: so many of a document's first pieces; drmm reads all
    ngrams       pacrr: filters of 2 × 2 to n × n
    filters      pacrr: of each size
    k_max        pacrr: greatest signals kept of each query term and size
    date_key     metadata key of dates whose distance in years is read too; None: none
    """

    kind: Network
    query_terms: int
    doc_terms: int = 0
    ngrams: int = 0
    filters: int = 0
    k_max: int = 0
    date_key: str | None = None

    @property
    def width(self) -> int:
        """How many numbers are read of a query term and a document."""
        return BINS if self.kind == "drmm" else self.doc_terms

    def to_json(self) -> dict[str, Any]:
        """Return the options that the network has."""
        return {name: value for name, value in asdict(self).items() if value or name == "kind"}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> InteractionDesign:
        """Read what `to_json` gave."""
        return cls(**value)


class QueryTerms(NamedTuple):
    """The terms of a query: word pieces, and their idf; fewer than a network reads, where the text has no more."""

    pieces: Pieces
    idf: NDArray[np.float32]


def select_query_terms(pieces: Pieces, idf: NDArray[np.float32], n: int) -> QueryTerms:
    """Return the n distinct pieces of the greatest tf · idf, in the order in which they occur first; ties by number."""
    distinct, first, counts = np.unique(pieces, return_index=True, return_counts=True)
    best = np.lexsort((distinct, -counts * idf[distinct].astype(np.float64)))[:n]
    kept = distinct[best[np.argsort(first[best])]].astype(np.int32)
    return QueryTerms(kept, idf[kept])


@dataclass(frozen=True, eq=False)
class Interactions:
    """Pairs of two sides, as a network reads them.

    vectors  of word pieces, (vocabulary, dimension) of unit length
    content  names the model whose vectors they are
    """

    design: InteractionDesign
    vectors: NDArray[np.float32]
    content: Mapping[str, str]
    queries: WordPieces
    docs: WordPieces

    def read_terms(self, query: int) -> QueryTerms:
        """Return the terms of a query, by the idf that they have among the documents."""
        return select_query_terms(self.queries[query], self.docs.idf, self.design.query_terms)

    def read_cells(self, terms: QueryTerms, docs: NDArray[np.integer], ctx: Context) -> NDArray[np.floating]:
        """Return (n_docs, n_terms, width): histograms, or cosines with the first pieces of each document."""
        if self.design.kind == "drmm":
            return self._read_histograms(terms, docs, ctx)
        cells = np.zeros((len(docs), len(terms.pieces), self.design.doc_terms), np.float32)
        for row, doc in enumerate(docs.tolist()):
            pieces = self.docs[doc][: self.design.doc_terms]
            cells[row, :, : len(pieces)] = self.vectors[terms.pieces] @ self.vectors[pieces].T
        return cells

    def _read_histograms(self, terms: QueryTerms, docs: NDArray[np.integer], ctx: Context) -> NDArray[np.float16]:
        """Return ln(1 + count) of every bin, kept in a memo in half precision: it errs by less than 0.004."""
        shape = (len(terms.pieces), BINS)
        if not len(docs) or not len(terms.pieces):
            return np.zeros((len(docs), *shape), np.float16)
        row_type = np.dtype([("cells", "<f2", shape)])
        bins: list[NDArray[np.uint8]] = []

        def count(shard: NDArray[np.int64]) -> Rows:
            if not bins:
                bins.append(sort_into_bins(terms.pieces, self.vectors))
            chosen = docs[shard]
            counts, rows = np.zeros((len(chosen), *shape), np.int32), np.empty(len(chosen), row_type)
            for row, doc in enumerate(chosen.tolist()):
                _load_count_loop()(bins[0], self.docs[doc], counts[row])
            rows["cells"] = np.log1p(counts)
            return rows

        memo = ctx.open_memo(
            {"histograms": {"model": dict(self.content), "bins": BINS, "terms": len(terms.pieces)}}, row_type
        )
        keys = combine_keys(np.repeat(hash_bytes([terms.pieces]), len(docs), axis=0), self._hash_docs(docs))
        rows = compute_missing_pairs(
            keys, memo, lambda missing: split_by_number(_SHARD_DOCS, missing), compute_locally(count), row_type, ctx
        )
        cells: NDArray[np.float16] = rows["cells"]
        return cells

    def _hash_docs(self, docs: NDArray[np.integer]) -> Keys:
        return hash_bytes([self.docs[doc] for doc in docs.tolist()])


def sort_into_bins(terms: Pieces, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the bin of every piece's cosine with each term, (vocabulary, n_terms)."""
    bins = np.empty((len(vectors), len(terms)), np.uint8)
    for first in range(0, len(vectors), _BLOCK_PIECES):
        cosines = vectors[first : first + _BLOCK_PIECES] @ vectors[terms].T
        places = np.floor((cosines + 1) / 2 * (BINS - 1))
        bins[first : first + _BLOCK_PIECES] = np.clip(places, 0, BINS - 2)
    bins[terms, np.arange(len(terms))] = BINS - 1
    return bins


def _count_bins(bins: Any, pieces: Any, counts: Any) -> None:
    for piece in pieces:
        for term in range(counts.shape[0]):
            counts[term, bins[piece, term]] += 1


@cache
def _load_count_loop() -> Any:
    return compile_loop(_count_bins)
