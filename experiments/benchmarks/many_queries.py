"""Exact nearest neighbours of many queries: nirank against FAISS's IndexFlatIP, one thread each.

    OMP_NUM_THREADS=1 python experiments/benchmarks/many_queries.py --out experiments/benchmarks/results

Vectors lie in 2,000 clusters, are of unit length and float32; both rivals have them in memory and answer all queries in
one call. Seconds are of the processor, so other work on the machine matters little.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from alternate import Ask, Rival, run_contest, serve, write_results

DOCS, DIMENSION, CLUSTERS = 100_000, 128, 2_000


def draw_vectors(n: int, seed: int) -> np.ndarray:
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, DIMENSION), np.float32)
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(0, CLUSTERS, n)] + 0.7 * random.standard_normal((n, DIMENSION), np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def prepare_nirank(folder: Path) -> Ask:
    from nirank.flow.ids import Ids
    from nirank.flow.scope import Scope
    from nirank.inference.knn import search_nearest

    docs = draw_vectors(DOCS, 1)
    doc_ids = Ids.of(f"d{row:06}" for row in range(DOCS))
    doc_ids.rank  # noqa: B018  a collection's id table is there before

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        queries = draw_vectors(job["queries"], 2)
        scope = Scope(Ids.of(map(str, range(len(queries)))), doc_ids)
        start = time.process_time()
        ranking = search_nearest(queries, docs, scope, job["k"], "dot")
        return {"s": time.process_time() - start, "results": len(ranking)}

    return ask


def prepare_faiss(folder: Path) -> Ask:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(draw_vectors(DOCS, 1))

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        queries = draw_vectors(job["queries"], 2)
        start = time.process_time()
        rows = index.search(queries, job["k"])[1]
        return {"s": time.process_time() - start, "results": rows.size}

    return ask


RIVALS = {"nirank": prepare_nirank, "IndexFlatIP": prepare_faiss}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rival")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.rival:
        serve(RIVALS[options.rival], options.folder)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rivals = [Rival(__file__, name, Path(folder)) for name in RIVALS]
        for k in (1, 10, 100):
            job = {"queries": options.queries, "k": k}
            rows.append({"docs": DOCS, "dimension": DIMENSION, **job, **run_contest(rivals, job, options.repeats)})
            print(json.dumps(rows[-1]), flush=True)
        for rival in rivals:
            rival.close()
    write_results(options.out, "many_queries", rows)


if __name__ == "__main__":
    main()
