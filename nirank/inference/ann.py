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
from nirank.base.memory import MemoryNeed, estimate_library_memory
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking, select_best
from nirank.flow.scope import Scope
from nirank.inference.faiss_library import import_faiss, use_one_thread
from nirank.inference.knn import score_rows, search_nearest
from nirank.inference.similarity import Vectors

_BLOCK = 16_384
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
    prepared = _prepare_vectors(queries, similarity)
    restricted = bool(scope.ranges) or any(limit is not None for limit in (scope.mask, scope.own_rows, scope.excluded))
    ranked_rows, ranked_scores, n_exact = [], [], 0
    for query in range(len(queries)):
        allowed = scope.list_rows(query) if restricted else None
        options = _make_parameters(faiss, stated["kind"], width, depth, allowed, len(docs))
        rows = index.search(prepared[query : query + 1], depth, params=options)[1][0]
        rows = np.sort(rows[rows >= 0])  # -1 fills up lists that are too short
        if allowed is not None and len(rows) < min(depth, len(allowed)):
            rows, n_exact = (
                np.asarray(allowed),
                n_exact + 1,
            )  # the graph found too few that are allowed
        values = score_rows(queries[query], docs, rows, similarity)
        best = select_best(values, scope.docs.rank[rows], k)
        ranked_rows.append(rows[best])
        ranked_scores.append(values[best])
    ctx.count("searched_exactly", n_exact)
    ranking = _build_ranking(ranked_rows, ranked_scores, scope, k)
    _declare_overlap(ranking, queries, docs, scope, similarity, ctx)
    return ranking


def _make_parameters(faiss: Any, kind: Kind, width: int, depth: int, allowed: Any, n: int) -> Any:
    """Return FAISS's search parameters, with a bitmap of the allowed rows where not all are."""
    options: dict[str, Any] = {}
    if allowed is not None:
        inside = np.zeros(n, np.bool_)
        inside[allowed] = True
        options["sel"] = faiss.IDSelectorBitmap(np.packbits(inside, bitorder="little"))
    if kind == "hnsw":
        return faiss.SearchParametersHNSW(efSearch=max(width, depth), **options)
    return faiss.SearchParametersIVF(nprobe=width, **options)


def _build_ranking(rows: list[NDArray[np.int64]], scores: list[Vectors], scope: Scope, k: int | None) -> Ranking:
    counts = np.array(list(map(len, rows)), np.int64)
    return Ranking.build(
        scope.queries,
        scope.docs,
        np.repeat(np.arange(len(rows)), counts),
        np.concatenate(rows).astype(choose_row_type(len(scope.docs))),
        np.concatenate(scores),
        source="ann",
        depth=k if k is not None and k < len(scope.docs) else None,
    )


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
