"""Approximate nearest neighbours: FAISS finds candidates, nirank scores them exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.loading import count_loading
from nirank.base.memory import MemoryNeed, estimate_library_memory, fit_block_size
from nirank.flow.ids import Ids
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking, select_best_pairs
from nirank.flow.scope import Scope
from nirank.inference.faiss_library import import_faiss, use_one_thread
from nirank.inference.knn import group_equal, search_nearest
from nirank.inference.similarity import Vectors, compute_norms, normalise
from nirank.inference.vector_pairs import score_vector_pairs

_BLOCK = 16_384
_BLOCK_PAIRS = 1 << 18  # of queries and documents found, at a time
_PAIR_BYTES = 80
# FAISS compares fewer than 20 queries with centroids one by one, more by a product of matrices, which rounds otherwise.
_IVF_QUERIES = 16
_SAMPLE_QUERIES = 64  # on which the overlap with exact search is measured
_CUTOFFS = (10, 100)
_SEED = 1234

Kind = Literal["hnsw", "ivf"]


@dataclass(frozen=True)
class AnnIndex:
    """How an index is built.

    hnsw  links a node (M) and width of the search while building (efConstruction)
    ivf   number of lists; 0: the square root of the number of documents
    """

    kind: Kind
    links: int = 32
    build_width: int = 200
    lists: int = 0

    def estimate_build_memory(self, docs: int, dimension: int) -> MemoryNeed:
        """Return the memory that building takes, all of it in FAISS: vectors, links, training vectors."""
        if self.kind == "hnsw":
            return self.estimate_search_memory(docs, dimension)
        training_bytes = min(256 * (self.lists or int(np.sqrt(docs))), docs) * 4 * dimension
        return MemoryNeed(estimate_library_memory("faiss") + docs * (4 * dimension + 8) + 2 * training_bytes)

    def estimate_search_memory(self, docs: int, dimension: int) -> MemoryNeed:
        """Return the memory that searching takes: HNSW's vectors and links; IVF's lists are mapped."""
        index_bytes = docs * (4 * dimension + 9 * self.links + 16) if self.kind == "hnsw" else 0
        return MemoryNeed(estimate_library_memory("faiss") + index_bytes)

    def to_params(self) -> dict[str, Any]:
        """Return what the index depends on."""
        if self.kind == "hnsw":
            return {"kind": "hnsw", "links": self.links, "build_width": self.build_width}
        return {"kind": "ivf", "lists": self.lists}


def build(vectors: Vectors, how: AnnIndex, similarity: str, folder: Path, ctx: Context) -> None:
    """Build an index over (n, dimension) vectors, one thread and a fixed seed: the same index every time."""
    faiss = import_faiss()
    n, dimension = vectors.shape
    metric = faiss.METRIC_L2 if similarity == "euclidean" else faiss.METRIC_INNER_PRODUCT
    with use_one_thread(faiss):
        if how.kind == "hnsw":
            index = faiss.IndexHNSWFlat(dimension, how.links, metric)
            index.hnsw.efConstruction = how.build_width
        else:
            lists = min(how.lists or max(int(np.sqrt(n)), 1), max(n, 1))
            index = faiss.IndexIVFFlat(faiss.IndexFlat(dimension, metric), dimension, lists, metric)
            index.cp.seed = _SEED
            index.cp.min_points_per_centroid = 1
            rows = np.sort(np.random.default_rng(_SEED).permutation(n)[: max(lists * 256, 1)])
            if n:
                index.train(_prepare_vectors(vectors[rows], similarity))
        for start in ctx.track(range(0, n, _BLOCK), -(-n // _BLOCK), f"building {how.kind}"):
            index.add(_prepare_vectors(vectors[start : start + _BLOCK], similarity))
    faiss.write_index(index, str(folder / "ann.faiss"))
    (folder / "ann.json").write_text(json.dumps({**how.to_params(), "similarity": similarity, "n": n}))


def search(
    folder: Path, queries: Vectors, docs: Vectors, scope: Scope, k: int | None, *, width: int, ctx: Context
) -> Ranking:
    """Return the k best documents that the index finds, with exact scores, in standard order.

    width  how much is searched: HNSW's efSearch, at least k; IVF's number of lists (nprobe)
    Listed pairs are scored exactly, without the index. Declares the overlap@k with exact search, on a sample.
    """
    with count_loading():
        faiss = import_faiss()
    stated = json.loads((folder / "ann.json").read_text())
    similarity = stated["similarity"]
    ctx.declare("index", {**stated, "width": width, "seed": _SEED, "build_threads": 1})
    if scope.pairs is not None or not len(docs) or not len(queries):
        return search_nearest(queries, docs, scope, k, similarity)
    with count_loading():
        index = faiss.read_index(str(folder / "ann.faiss"), faiss.IO_FLAG_MMAP if stated["kind"] == "ivf" else 0)
    depth = len(docs) if k is None else min(k, len(docs))
    searcher = _Searcher(faiss, index, stated["kind"], width, depth)
    queries = np.asarray(queries, np.float32)
    if scope.ranges or scope.own_rows is not None or scope.excluded is not None:
        ranking, is_short = _search_each(searcher, queries, docs, scope, k, similarity)
    else:
        first_rows, groups = group_equal(queries)
        distinct_scope = scope.take(first_rows, Ids(scope.queries.take_arrow(first_rows)))
        ranking, is_short = _search_each(searcher, queries[first_rows], docs, distinct_scope, k, similarity)
        ranking, is_short = ranking.take(groups, scope.queries), is_short[groups]
    ctx.count("searched_exactly", int(is_short.sum()))
    _declare_overlap(ranking, queries, docs, scope, similarity, ctx)
    return ranking


@dataclass(frozen=True)
class _Searcher:
    """An opened index, and how it is searched."""

    faiss: Any
    index: Any
    kind: Kind
    width: int
    depth: int

    def find_rows(self, queries: Vectors, selector: Any) -> NDArray[np.int64]:
        """Return the rows of the nearest documents that a selector leaves, (n_queries, depth); -1 fills up."""
        options = {} if selector is None else {"sel": selector}
        if self.kind == "hnsw":
            params = self.faiss.SearchParametersHNSW(efSearch=max(self.width, self.depth), **options)
        else:
            params = self.faiss.SearchParametersIVF(nprobe=self.width, **options)
        size = _IVF_QUERIES if self.kind == "ivf" else len(queries)
        blocks = [queries[start : start + size] for start in range(0, len(queries), size)]
        return np.concatenate([self.index.search(block, self.depth, params=params)[1] for block in blocks])

    def make_selector(self, rows: NDArray[np.integer], n_docs: int) -> Any:
        """Return FAISS's selector of some rows: a bitmap."""
        inside = np.zeros(n_docs, np.bool_)
        inside[rows] = True
        return self.faiss.IDSelectorBitmap(np.packbits(inside, bitorder="little"))


def _search_each(
    searcher: _Searcher, queries: Vectors, docs: Vectors, scope: Scope, k: int | None, similarity: str
) -> tuple[Ranking, NDArray[np.bool_]]:
    """Return the ranking, and which queries were searched exactly: the index had found too few that are allowed."""
    prepared = _prepare_vectors(queries, similarity)
    scored = normalise(queries, compute_norms(queries)) if similarity == "cosine" else queries
    shared_selector = None if scope.open_rows is None else searcher.make_selector(scope.open_rows, len(docs))
    is_short = np.zeros(len(queries), np.bool_)
    parts = []
    size = fit_block_size(max(_BLOCK_PAIRS // searcher.depth, 1), _PAIR_BYTES * searcher.depth)
    for first in range(0, len(queries), size):
        last = min(first + size, len(queries))
        found, n_allowed = _find_rows(searcher, prepared[first:last], scope, first, shared_selector)
        is_found = found >= 0
        is_short[first:last] = is_found.sum(axis=1) < np.minimum(n_allowed, searcher.depth)
        at, columns = np.nonzero(is_found & ~is_short[first:last, None])
        rows = found[at, columns]
        scores = score_vector_pairs(scored[first:last], docs, at, rows, similarity)
        parts.append(select_best_pairs(scope.docs, first + at, rows, scores, k))
    short = np.flatnonzero(is_short)
    if len(short):
        short_scope = scope.take(short, Ids(scope.queries.take_arrow(short)))
        exact = search_nearest(queries[short], docs, short_scope, k, similarity)
        parts.append((short[exact.query_rows], exact.rows, exact.scores))
    query_rows, rows, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    ranking = Ranking.build(
        scope.queries,
        scope.docs,
        query_rows,
        rows.astype(choose_row_type(len(docs))),
        scores,
        source="ann",
        depth=k if k is not None and k < len(docs) else None,
    )
    return ranking, is_short


def _find_rows(
    searcher: _Searcher, queries: Vectors, scope: Scope, first: int, shared_selector: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows that the index finds, (n_queries, depth), and how many at the least must be found if depth allows.

    first  row of the first query; queries that a rule of their own restricts are searched one by one
    """
    n_visible = 0 if scope.open_rows is None else len(scope.open_rows)  # an open search may find too few
    if not scope.ranges and scope.own_rows is None and scope.excluded is None:
        return searcher.find_rows(queries, shared_selector), np.full(len(queries), n_visible)
    found, n_allowed = np.empty((len(queries), searcher.depth), np.int64), np.full(len(queries), n_visible)
    for at in range(len(queries)):
        selector = shared_selector
        allowed = scope.list_rows(first + at) if scope.ranges or scope.excluded is not None else None
        own = -1 if scope.own_rows is None else int(scope.own_rows[first + at])
        if allowed is not None:
            selector, n_allowed[at] = searcher.make_selector(allowed, len(scope.docs)), len(allowed)
        elif own >= 0:
            own_only = searcher.faiss.IDSelectorRange(own, own + 1)
            others = searcher.faiss.IDSelectorNot(own_only)
            selector = others if selector is None else searcher.faiss.IDSelectorAnd(selector, others)
            n_allowed[at] = len(scope.docs) - 1 if scope.mask is None else n_visible - scope.mask[own]
        found[at] = searcher.find_rows(queries[at : at + 1], selector)[0]
    return found, n_allowed


def _declare_overlap(
    ranking: Ranking, queries: Vectors, docs: Vectors, scope: Scope, similarity: str, ctx: Context
) -> None:
    """State how much of exact search's lists the index found, on evenly spread queries."""
    sample = np.unique(np.linspace(0, len(queries) - 1, min(_SAMPLE_QUERIES, len(queries))).astype(np.int64))
    sample_ids = type(ranking.queries).of(ranking.queries.take(sample))
    sample_scope = scope.take(sample, sample_ids)
    exact = search_nearest(np.asarray(queries[sample]), docs, sample_scope, max(_CUTOFFS), similarity)
    ctx.declare("overlap", {f"@{k}": round(compute_overlap(ranking, exact, sample, k), 4) for k in _CUTOFFS})
    ctx.declare("overlap_queries", len(sample))


def compute_overlap(ranking: Ranking, exact: Ranking, sample: NDArray[np.int64], k: int) -> float:
    """Return the share of exact search's first k that an index found, the mean over some queries.

    sample  rows of the ranking's queries, each the query of a row of `exact`
    A document that is as near as the k-th counts, be it another one: scores of both are exact.
    """
    shares = []
    for at, query in enumerate(sample.tolist()):
        expected, scores = (
            listed.scores[listed.offsets[row] : listed.offsets[row + 1]][:k]
            for listed, row in ((exact, at), (ranking, query))
        )
        if len(expected):
            shares.append(float((scores >= expected[-1]).sum()) / len(expected))
    return float(np.mean(shares)) if shares else 1.0


def _prepare_vectors(vectors: Vectors, similarity: str) -> Vectors:
    """Return vectors as FAISS compares them: float32, and of unit length for cosine."""
    block = np.ascontiguousarray(vectors, np.float32)
    if similarity != "cosine":
        return block
    norms = np.linalg.norm(block, axis=1, keepdims=True)
    unit: Vectors = np.divide(block, norms, out=np.zeros_like(block), where=norms > 0)
    return unit
