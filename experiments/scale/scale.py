"""Memory and speed at three sizes: import, BM25 index and search, exact nearest neighbours from disk.

    python experiments/scale/scale.py --out experiments/scale/results

Synthetic documents of 80 words from a Zipf law over a million words. Each step runs in a process of
its own; memory is the greatest RssAnon (what is not a mapped file) that a thread sees while it runs,
the 1 GiB heap limit of Java included. Linux only.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SIZES = (100_000, 300_000, 1_000_000)
LENGTHS = (10, 200, 2_000, 20_000)
WORDS, VOCABULARY, DIMENSION, QUERIES = 80, 1_000_000, 384, 32


class Memory:
    """Samples RssAnon of this process, in MiB."""

    def __init__(self) -> None:
        self.peak, self.running = 0.0, True
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def measure(self) -> float:
        line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssAnon"))
        return int(line.split()[1]) / 1024

    def _watch(self) -> None:
        while self.running:
            self.peak = max(self.peak, self.measure())
            time.sleep(0.02)


def draw_texts(rng: np.random.Generator, n: int, words: int) -> list[str]:
    """Return n texts whose words follow a Zipf law."""
    ranks = np.floor(VOCABULARY ** rng.random((n, words))).astype(np.int64)
    return [" ".join(f"w{word:x}" for word in row) for row in ranks.tolist()]


def write_files(folder: Path, n: int) -> None:
    """Write n documents, and queries of each length; the vectors of n documents."""
    rng = np.random.default_rng(n)
    with (folder / "corpus.jsonl").open("w") as file:
        for start in range(0, n, 10_000):
            for row, text in enumerate(draw_texts(rng, 10_000, WORDS), start):
                file.write(json.dumps({"_id": f"d{row:07}", "title": "", "text": text}) + "\n")
    for name, length in (("warm", 201), *((f"queries{length}", length) for length in LENGTHS)):
        with (folder / f"{name}.jsonl").open("w") as file:
            for row, text in enumerate(draw_texts(rng, QUERIES, length)):
                file.write(json.dumps({"_id": f"q{row}", "text": text}) + "\n")
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (n, DIMENSION))
    for start in range(0, n, 10_000):
        vectors[start : start + 10_000] = rng.standard_normal((10_000, DIMENSION), dtype=np.float32)


def run_step(step: str, folder: Path) -> dict[str, float]:
    """Run one step; return its seconds, and the process's greatest RssAnon."""
    from nirank import load
    from nirank.flow.scope import Scope
    from nirank.inference.knn import search_nearest
    from nirank.store import open_store

    store = open_store(str(folder / "store"))
    memory = Memory()
    base = memory.measure()
    kind, _, length = step.partition(" ")
    queries = folder / f"queries{length}.jsonl" if length else folder / "warm.jsonl"
    start = time.perf_counter()
    collection = load(name=f"synthetic-{length}", docs=folder / "corpus.jsonl", queries=queries, store=store)
    figures: dict[str, float] = {}
    if kind == "knn":
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        queries_drawn = np.random.default_rng(1).standard_normal((QUERIES, DIMENSION), dtype=np.float32)
        collection.docs.ids.rank  # noqa: B018  the id table is opened before the clock starts
        start = time.perf_counter()
        search_nearest(queries_drawn, vectors, Scope(collection.queries.ids, collection.docs.ids), 1000, "cosine")
    elif kind in ("index", "search"):
        from nirank import BM25, Experiment
        from nirank.lexical.analysis import Analyzer

        warm_up = draw_texts(np.random.default_rng(0), 2_000, WORDS)
        list(Analyzer("english").tokenize(warm_up))  # Java starts and warms up
        start = time.perf_counter()
        result = Experiment(collection, {"BM25": BM25()}, ["nDCG@10"], store=store).run()
        cost = result.rows[0].cost
        figures |= {"ms_per_query": cost.ms_per_query} if kind == "search" else {"index_s": cost.index_s}
    figures["s"] = time.perf_counter() - start
    memory.running = False
    memory.thread.join()
    return {**figures, "rss_anon_mib": memory.peak, "rss_anon_start_mib": base}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--step", nargs=2, help="one step in this process: STEP FOLDER")
    options = parser.parse_args()
    if options.step:
        print(json.dumps(run_step(options.step[0], Path(options.step[1]))))
        return
    rows = []
    for n in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_files(folder, n)
            for step in ("import", "index", *(f"search {length}" for length in LENGTHS), "knn"):
                command = [sys.executable, __file__, "--out", str(options.out), "--step", step, str(folder)]
                start = time.perf_counter()
                process = subprocess.run(command, capture_output=True, text=True, check=True)
                row = {"documents": n, "step": step, "wall_s": time.perf_counter() - start}
                rows.append(row | json.loads(process.stdout.splitlines()[-1]))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "cpu": describe_cpu(), "queries": QUERIES, "words": WORDS}
    (options.out / "scale.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def describe_cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} threads"


if __name__ == "__main__":
    main()
