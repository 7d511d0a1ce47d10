"""The steps of `ten_million.py` on vectors: exact and approximate search by ranges, and FAISS on the same files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from meter import Figures, Meter, Place, measure_bytes
from numpy.typing import NDArray
from synthetic_texts import BLOCK, write_queries
from synthetic_vectors import DIMENSION, draw_texts, write_model

if TYPE_CHECKING:
    from nirank import Collection, Dense
    from nirank.store.local import LocalStore

K, FEW, MANY = 100, 32, 1_000
PROBES, FAISS_PROBES = (4, 16, 64), (16, 64, 256)
FAISS_LISTS, TRAINING, ITERATIONS = 4096, 64 * 4096, 10
_FIRST_QUERIES = 1 << 30  # a block that no document is of
_READ = 50_000  # vectors at a time

Step = Callable[[Place], Figures]

MEASURE_OVERLAP = "nirank.inference.ann._declare_overlap"
PATCHED = (MEASURE_OVERLAP,)


def list_steps() -> dict[str, Step]:
    """Return the steps in their order."""
    numbers = (FEW, MANY)
    return {
        "vectors' texts": import_texts,
        "vectors": encode,
        **{f"exact search, {number:,} queries": partial(search_exactly, n_queries=number) for number in numbers},
        **{f"FAISS exact, {number:,} queries": partial(search_faiss_exactly, n_queries=number) for number in numbers},
        "IVF index": index_ivf,
        **{f"IVF search, {probes} probes": partial(search_ivf, probes=probes) for probes in PROBES},
        "FAISS IVF": run_faiss_ivf,
    }


def open_vectors(place: Place, queries: str) -> tuple[Collection, LocalStore]:
    """Load the texts of the vectors with some queries, and open the store beside them."""
    from nirank import load
    from nirank.store import open_store

    store = open_store(str(place.folder / "vector-store"))
    docs, queries_path = place.folder / "vectors/docs.jsonl", place.folder / f"vectors/{queries}.jsonl"
    return load(name=f"vectors-{queries}", docs=docs, queries=queries_path, ranges=place.ranges, store=store), store


def make_dense(folder: Path) -> Dense:
    from nirank import Dense

    return Dense(str(folder / "vectors/model"), storage="float16", k=K)


def make_ivf(folder: Path, probes: int) -> Dense:
    from nirank import IVF

    return IVF(str(folder / "vectors/model"), storage="float16", k=K, probes=probes)


def import_texts(place: Place) -> Figures:
    """Write model, texts and queries; import the texts."""
    write_model(place.folder / "vectors/model")
    with (place.folder / "vectors/docs.jsonl").open("w") as file:
        for start in range(0, place.documents, BLOCK):
            for row, text in enumerate(draw_texts(BLOCK, start // BLOCK), start):
                file.write(f'{{"_id": "d{row:08}", "title": "", "text": "{text}"}}\n')
    for at, (name, number) in enumerate((("warm", 4), ("warm-few", 4), ("warm-many", 4), ("few", FEW), ("many", MANY))):
        write_queries(place.folder / f"vectors/{name}.jsonl", draw_texts(number, _FIRST_QUERIES + at))
    with Meter() as meter:
        open_vectors(place, "warm")
    return {
        **meter.figures,
        "documents_per_s": place.documents / meter.s,
        "bytes": measure_bytes(place.folder / "vector-store"),
    }


def encode(place: Place) -> Figures:
    """Encode the texts, range by range, and search for four queries."""
    collection, store = open_vectors(place, "warm")
    with Meter() as meter:
        _run(collection, store, make_dense(place.folder))
    costs = [artifact.meta["cost"] for artifact in store.read_artifacts() if _is_documents(artifact, "encode_texts")]
    seconds = sum(cost["wall_s"] - cost["loading_s"] for cost in costs)
    return {
        **meter.figures,
        "encoding_s": seconds,
        "encoding_processor_s": sum(cost["cpu_s"] for cost in costs),
        "documents_per_s": place.documents / seconds,
        "bytes": sum(cost["bytes"] for cost in costs),
        "memo_bytes": measure_bytes(place.folder / "vector-store/memos"),
    }


def search_exactly(place: Place, n_queries: int) -> Figures:
    """Search exactly, by blocks from disk; keep the lists."""
    name = "few" if n_queries == FEW else "many"
    _run(*open_vectors(place, f"warm-{name}"), make_dense(place.folder))  # the model is loaded
    collection, store = open_vectors(place, name)
    with Meter() as meter:
        result = _run(collection, store, make_dense(place.folder))
    ranking = result.ranking("system")
    np.savez(place.folder / f"exact-{name}.npz", rows=ranking.rows.reshape(-1, K), scores=ranking.scores.reshape(-1, K))
    return {
        **meter.figures,
        "ms_per_query": result.rows[0].cost.ms_per_query,
        "processor_ms_per_query": 1000 * meter.processor_s / n_queries,
    }


def index_ivf(place: Place) -> Figures:
    """Build the inverted lists of every range, and search for four queries."""
    collection, store = open_vectors(place, "warm")
    with Meter() as meter:
        _run(collection, store, make_ivf(place.folder, PROBES[0]))
    indexes = [artifact for artifact in store.read_artifacts() if _is_documents(artifact, "build_index")]
    costs = [artifact.meta["cost"] for artifact in indexes]
    return {
        **meter.figures,
        "build_s": sum(cost["wall_s"] - cost["loading_s"] for cost in costs),
        "build_processor_s": sum(cost["cpu_s"] for cost in costs),
        "bytes": sum(cost["bytes"] for cost in costs),
        "indexes": len(indexes),
    }


def search_ivf(place: Place, probes: int) -> Figures:
    """Search the lists nearest to 1,000 queries.

    A run measures the overlap on 64 of them by an exact search, which would be most of the time: here all lists are
    compared with the exact ones that are there, and that search is left out.
    """
    with patch(MEASURE_OVERLAP):
        _run(*open_vectors(place, "few"), make_ivf(place.folder, probes))
        collection, store = open_vectors(place, "many")
        with Meter() as meter:
            result = _run(collection, store, make_ivf(place.folder, probes))
    ranking = result.ranking("system")
    exact = np.load(place.folder / "exact-many.npz")
    return {
        **meter.figures,
        "ms_per_query": result.rows[0].cost.ms_per_query,
        "processor_ms_per_query": 1000 * meter.processor_s / MANY,
        "overlap": compute_overlap(exact["rows"], ranking.rows.reshape(-1, K)),
    }


def compute_overlap(exact: NDArray[np.integer], found: NDArray[np.integer]) -> dict[str, float]:
    """Return the share of the exact first 10 and 100 that stand among the found first 10 and 100."""
    return {
        f"@{k}": float(np.mean([len(np.intersect1d(a[:k], b[:k])) / k for a, b in zip(exact, found, strict=True)]))
        for k in (10, K)
    }


def _run(collection: Collection, store: LocalStore, system: Dense) -> Any:
    from nirank import Experiment

    return Experiment(collection, {"system": system}, [f"R@{K}"], store=store).run()


def _is_documents(artifact: Any, task: str) -> bool:
    return bool(artifact.meta["task"].endswith(f":{task}")) and "queries" not in artifact.meta["label"]


def list_vector_files(folder: Path) -> list[Path]:
    """Return the files of the documents' vectors, in the order of their rows."""
    from nirank.store import open_store

    found = {}
    for artifact in open_store(str(folder / "vector-store")).read_artifacts():
        if _is_documents(artifact, "encode_texts"):
            words = artifact.meta["label"].replace(",", "").split()
            first = int(words[words.index("rows") + 1]) if "rows" in words else 1
            found[first] = artifact.folder / "vectors.npy"
    return [found[first] for first in sorted(found)]


def read_blocks(folder: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the documents' vectors as FAISS takes them: float32, of unit length."""
    for path in list_vector_files(folder):
        vectors = np.load(path, mmap_mode="r")
        for start in range(0, len(vectors), _READ):
            block = np.asarray(vectors[start : start + _READ], np.float32)
            block /= np.linalg.norm(block, axis=1, keepdims=True)
            yield block


def read_query_vectors(folder: Path, name: str) -> NDArray[np.float32]:
    """Encode queries with sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    lines = (folder / f"vectors/{name}.jsonl").read_text().splitlines()
    model = SentenceTransformer(str(folder / "vectors/model"), device="cpu")
    vectors: NDArray[np.float32] = model.encode([json.loads(line)["text"] for line in lines], normalize_embeddings=True)
    return vectors


def search_faiss_exactly(place: Place, n_queries: int) -> Figures:
    """Search with FAISS's own tool for more vectors than memory holds, a flat index of one block after the other."""
    import faiss
    from faiss.contrib.exhaustive_search import knn_ground_truth

    name = "few" if n_queries == FEW else "many"
    queries = read_query_vectors(place.folder, name)
    with Meter() as meter:
        _, rows = knn_ground_truth(
            queries, read_blocks(place.folder), K, metric_type=faiss.METRIC_INNER_PRODUCT, ngpu=0
        )
    overlap = compute_overlap(np.load(place.folder / f"exact-{name}.npz")["rows"], rows)
    return {**meter.figures, "ms_per_query": 1000 * meter.s / n_queries, "overlap": overlap}


def run_faiss_ivf(place: Place) -> Figures:
    """Build one index of 4,096 lists of 16-bit vectors over all documents, in memory, and search 1,000 queries."""
    import faiss

    index = faiss.index_factory(DIMENSION, f"IVF{FAISS_LISTS},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid, index.cp.niter = TRAINING // FAISS_LISTS, ITERATIONS
    index.cp.min_points_per_centroid = 1
    sample = np.sort(np.random.default_rng(0).permutation(place.documents)[:TRAINING])
    files = [np.load(path, mmap_mode="r") for path in list_vector_files(place.folder)]
    bounds = np.cumsum([0, *map(len, files)])
    with Meter() as training:
        parts = [
            np.asarray(vectors[sample[(sample >= first) & (sample < first + len(vectors))] - first], np.float32)
            for vectors, first in zip(files, bounds[:-1].tolist(), strict=True)
        ]
        drawn = np.concatenate(parts)
        index.train(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
    with Meter() as adding:
        for block in read_blocks(place.folder):
            index.add(block)
    queries, warm = read_query_vectors(place.folder, "many"), read_query_vectors(place.folder, "few")
    exact = np.load(place.folder / "exact-many.npz")["rows"]
    figures: Figures = {
        "s": training.s + adding.s,
        "processor_s": training.processor_s + adding.processor_s,
        "training_s": training.s,
        "rss_anon_mib": adding.rss_anon_mib,
        "training_vectors": len(sample),
        "training_iterations": ITERATIONS,
    }
    for probes in FAISS_PROBES:
        index.nprobe = probes
        index.search(warm, K)
        with Meter() as meter:
            _, rows = index.search(queries, K)
        figures[f"{probes} probes"] = {
            "ms_per_query": 1000 * meter.s / MANY,
            "processor_ms_per_query": 1000 * meter.processor_s / MANY,
            "overlap": compute_overlap(exact, rows),
        }
    return figures
