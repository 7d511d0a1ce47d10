"""Search of sparse vectors: postings of the documents' terms, and each query's dot products with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import MemoryNeed
from nirank.flow.pairs import choose_row_type, concatenate_ranges
from nirank.flow.ranking import Ranking, select_best
from nirank.flow.scope import Scope

_CHUNK_POSTINGS = 2_000_000  # scored at a time
_INVERTED_ENTRIES = 1 << 18  # entries that are turned into postings at a time

_Hits = tuple[NDArray[np.integer], NDArray[np.float32]]  # rows and scores


def estimate_search_memory(docs: int) -> MemoryNeed:
    """Return what a search over so many documents needs: a sum and a place for each, and a chunk of postings."""
    return MemoryNeed(36 * docs + 28 * _CHUNK_POSTINGS)


def invert_vectors(encoded: Path, folder: Path) -> None:
    """Turn documents' vectors into postings: term t owns docs and weights offsets[t]:offsets[t + 1], by document."""
    offsets, terms, weights = (
        np.load(encoded / f"{name}.npy", mmap_mode="r") for name in ("offsets", "terms", "weights")
    )
    counts = np.zeros(0, np.int64)  # up to the last term that a document has
    for first in range(0, len(terms), _INVERTED_ENTRIES):
        total = np.bincount(terms[first : first + _INVERTED_ENTRIES], minlength=len(counts))
        total[: len(counts)] += counts
        counts = total
    begins = np.concatenate(([0], np.cumsum(counts)))
    docs = np.lib.format.open_memmap(folder / "docs.npy", "w+", np.int32, (len(terms),))
    values = np.lib.format.open_memmap(folder / "weights.npy", "w+", np.float32, (len(terms),))
    filled = begins[:-1].copy()
    last = 0
    while last < len(offsets) - 1:
        first, most = last, int(offsets[last]) + _INVERTED_ENTRIES
        last = max(int(np.searchsorted(offsets, most, side="right")) - 1, first + 1)
        part = slice(int(offsets[first]), int(offsets[last]))
        rows = np.repeat(np.arange(first, last), np.diff(offsets[first : last + 1]))
        order = np.argsort(terms[part], kind="stable")
        term = np.asarray(terms[part])[order]
        starts = np.flatnonzero(np.diff(term, prepend=-1))
        lengths = np.diff(np.append(starts, len(term)))
        at = filled[term] + np.arange(len(term)) - np.repeat(starts, lengths)
        docs[at], values[at] = rows[order], np.asarray(weights[part])[order]
        filled[term[starts]] += lengths
    docs.flush()
    values.flush()
    np.save(folder / "offsets.npy", begins)


def search_sparse(
    index: Path,
    queries: Path,
    scope: Scope,
    k: int | None,
    *,
    doc_vectors: NDArray[np.integer] | None = None,
    query_vectors: NDArray[np.integer] | None = None,
) -> Ranking:
    """Return the k best documents that share a term with each query, by the dot product of their weights.

    doc_vectors    (n_docs,) which vector each document has, where equal texts share one; None: each its own
    query_vectors  (n_queries,) the same of the queries
    Sums are float64, scores float32. Cost per vector of a query: its terms' postings, and an accumulator of a number
    for each vector of a document; queries with one vector are searched once, and differ by what they may see only.
    """
    vectors = _SharedVectors.of(np.arange(len(scope.docs)) if doc_vectors is None else doc_vectors, scope.docs.rank)
    postings = _Postings.open(index, queries, len(vectors.begins) - 1)
    asked = np.arange(len(scope.queries)) if query_vectors is None else query_vectors
    only_own = scope.pairs is None and scope.mask is None and scope.excluded is None and not scope.ranges
    n, row_type = len(scope.docs), choose_row_type(len(scope.docs))
    hits: list[_Hits] = [(np.empty(0, row_type), np.empty(0, np.float32))] * len(asked)
    order = np.argsort(asked, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(asked[order])) + 1):
        if not len(members):
            continue
        scores = postings.score(int(asked[members[0]]))
        if not scores.any():
            continue
        if not only_own:
            for query in members.tolist():
                hits[query] = vectors.list_allowed(scores, scope.list_rows(query), k)
            continue
        best = vectors.list_best(scores, None if k is None else k + 1)  # one more: its own document may be among them
        for query in members.tolist():
            hits[query] = _leave_own_out(best, scope, query, k)
    counts = [len(rows) for rows, _ in hits]
    return Ranking(
        scope.queries,
        scope.docs,
        np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        np.concatenate([rows for rows, _ in hits]).astype(row_type, copy=False) if counts else np.empty(0, row_type),
        np.concatenate([scores for _, scores in hits]) if counts else np.empty(0, np.float32),
        k if k is not None and k < n else None,
    )


def _leave_own_out(best: _Hits, scope: Scope, query: int, k: int | None) -> _Hits:
    rows, scores = best
    if scope.own_rows is not None and scope.own_rows[query] >= 0:
        other = rows != scope.own_rows[query]
        rows, scores = rows[other], scores[other]
    return rows[:k], scores[:k]


@dataclass(frozen=True, eq=False)
class _Postings:
    """Postings by term, and the queries' vectors.

    starts, terms, values   query vector i owns terms[starts[i]:starts[i + 1]] and their weights
    offsets, docs, weights  term t owns docs[offsets[t]:offsets[t + 1]] and their weights
    n                       document vectors
    """

    starts: NDArray[np.int64]
    terms: NDArray[np.int32]
    values: NDArray[np.float32]
    offsets: NDArray[np.int64]
    docs: NDArray[np.int32]
    weights: NDArray[np.float32]
    n: int

    @classmethod
    def open(cls, index: Path, queries: Path, n: int) -> _Postings:
        starts, terms, values = (
            np.load(queries / f"{name}.npy", mmap_mode="r") for name in ("offsets", "terms", "weights")
        )
        offsets, docs, weights = (
            np.load(index / f"{name}.npy", mmap_mode="r") for name in ("offsets", "docs", "weights")
        )
        return cls(starts, terms, values, offsets, docs, weights, n)

    def score(self, query: int) -> NDArray[np.float32]:
        """Return one query vector's dot product with every document vector, (n,) float32."""
        part = slice(int(self.starts[query]), int(self.starts[query + 1]))
        total = np.zeros(self.n)
        inside = np.asarray(self.terms[part]) < len(self.offsets) - 1
        ids, weights = np.asarray(self.terms[part])[inside], np.asarray(self.values[part], np.float64)[inside]
        sizes = self.offsets[ids + 1] - self.offsets[ids]
        cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // _CHUNK_POSTINGS)) + 1
        for chunk, scale in zip(np.split(ids, cuts), np.split(weights, cuts), strict=True):
            if not len(chunk):
                continue
            spans = [slice(int(self.offsets[term]), int(self.offsets[term + 1])) for term in chunk]
            rows = np.concatenate([self.docs[span] for span in spans])
            weighed = np.concatenate([self.weights[span] for span in spans]) * np.repeat(
                scale, [span.stop - span.start for span in spans]
            )
            total += np.bincount(rows, weighed, minlength=self.n)
        return total.astype(np.float32)


@dataclass(frozen=True, eq=False)
class _SharedVectors:
    """Which documents have which vector.

    vectors  (n_docs,) the vector of each document
    members  (n_docs,) documents by vector, those with one vector by id, descending, as they stand where scores tie
    begins   (n_vectors + 1,) vector v has members[begins[v]:begins[v + 1]]
    rank     (n_docs,) the byte-order rank of each document's id
    """

    vectors: NDArray[np.integer]
    members: NDArray[np.integer]
    begins: NDArray[np.int64]
    rank: NDArray[np.integer]

    @classmethod
    def of(cls, vectors: NDArray[np.integer], rank: NDArray[np.integer]) -> _SharedVectors:
        counts = np.bincount(vectors) if len(vectors) else np.empty(0, np.int64)
        begins = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        members = np.lexsort((-rank, vectors)).astype(choose_row_type(len(vectors)))
        return cls(vectors, members, begins, rank)

    def list_best(self, scores: NDArray[np.float32], most: int | None) -> _Hits:
        """Return the best documents, at most so many, by the scores of the vectors; in standard order."""
        vectors = np.flatnonzero(scores)
        if most is not None and most < len(vectors):
            least = np.partition(scores[vectors], len(vectors) - most)[len(vectors) - most]
            vectors = vectors[scores[vectors] >= least]
        counts = np.diff(self.begins)[vectors]
        counts = counts if most is None else np.minimum(counts, most)
        rows = self.members[concatenate_ranges(self.begins[vectors], counts)]
        values = np.repeat(scores[vectors], counts)
        best = select_best(values, self.rank[rows], most)
        return rows[best], values[best]

    def list_allowed(self, scores: NDArray[np.float32], allowed: NDArray[np.integer] | None, k: int | None) -> _Hits:
        """Return the k best of some documents; None: of all."""
        if allowed is None:
            return self.list_best(scores, k)
        values = scores[self.vectors[allowed]]
        rows, values = allowed[values > 0], values[values > 0]
        best = select_best(values, self.rank[rows], k)
        return rows[best], values[best]
