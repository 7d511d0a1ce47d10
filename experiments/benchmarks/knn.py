"""Exact nearest neighbours of 300 queries among a million vectors on disk, against FAISS's IndexFlatIP.

    python experiments/benchmarks/knn.py --out experiments/benchmarks/results

The vectors are random and of unit length, float32. Both rivals start with nothing in memory and give the 100 best:
nirank maps the file; FAISS reads the index that was written to disk (1.5 GB, all of which it keeps) and searches it;
with `mapped`, its index is mapped instead of read. Seconds are of opening and searching, without imports; memory is the
process's greatest anonymous resident memory, which counts no mapped file. Each repeat is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from alternate import write_results

DOCS, QUERIES, DIMENSION, K = 1_000_000, 300, 384, 100


def write_files(folder: Path) -> None:
    import faiss

    random = np.random.default_rng(0)
    docs = np.lib.format.open_memmap(folder / "docs.npy", "w+", np.float32, (DOCS, DIMENSION))
    index = faiss.IndexFlatIP(DIMENSION)
    for start in range(0, DOCS, 50_000):
        block = random.standard_normal((50_000, DIMENSION), np.float32)
        docs[start : start + 50_000] = block / np.linalg.norm(block, axis=1, keepdims=True)
        index.add(np.asarray(docs[start : start + 50_000]))
    docs.flush()
    faiss.write_index(index, str(folder / "docs.faiss"))
    queries = random.standard_normal((QUERIES, DIMENSION), np.float32)
    np.save(folder / "queries.npy", queries / np.linalg.norm(queries, axis=1, keepdims=True))


class Memory(threading.Thread):
    """Watches this process's anonymous memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.greatest, self.done = 0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.01):
            line = next(
                line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")
            )
            self.greatest = max(self.greatest, int(line.split()[1]))


def run_rival(name: str, folder: Path) -> None:
    queries = np.load(folder / "queries.npy")
    if name == "nirank":
        import pyarrow as pa

        from nirank.flow.ids import Ids
        from nirank.flow.scope import Scope
        from nirank.inference.knn import search_nearest

        docs = Ids(pa.array([f"d{row:07}" for row in range(DOCS)]))
        docs.rank  # noqa: B018  a collection's id table is there before
        scope = Scope(Ids.of(map(str, range(QUERIES))), docs)
    else:
        import faiss
    memory = Memory()
    memory.start()
    start = time.perf_counter()
    if name == "nirank":
        ranking = search_nearest(queries, np.load(folder / "docs.npy", mmap_mode="r"), scope, K, "dot")
        rows = ranking.rows.reshape(QUERIES, K)
    else:
        index = faiss.read_index(str(folder / "docs.faiss"), faiss.IO_FLAG_MMAP if "mapped" in name else 0)
        rows = index.search(queries, K)[1]
    seconds = time.perf_counter() - start
    memory.done.set()
    np.save(folder / f"{name}.npy", np.sort(rows, axis=1))
    print(json.dumps({"s": seconds, "anonymous_mib": memory.greatest / 1024}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rival")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.rival:
        run_rival(options.rival, options.folder)
        return
    names = ("nirank", "IndexFlatIP", "IndexFlatIP mapped")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_files(folder)
        answers: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for turn in range(options.repeats + 1):
            for name in names if turn % 2 else names[::-1]:
                command = [sys.executable, __file__, "--rival", name, "--folder", str(folder)]
                answer = json.loads(
                    subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
                )
                if turn:
                    answers[name].append(answer)
        shares_equal = {
            name: float((np.load(folder / f"{name}.npy") == np.load(folder / "nirank.npy")).mean()) for name in names
        }
    row = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        | {"all_s": [run["s"] for run in runs]}
        for name, runs in answers.items()
    }
    print(json.dumps({**row, "same_documents": shares_equal}))
    write_results(
        options.out,
        "knn",
        [{"docs": DOCS, "queries": QUERIES, "dimension": DIMENSION, "k": K, **row, "same_documents": shares_equal}],
    )


if __name__ == "__main__":
    main()
