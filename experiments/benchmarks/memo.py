"""A memo of ten million pair scores: bytes a pair, pairs looked up in a second, memory.

    python experiments/benchmarks/memo.py --out experiments/benchmarks/results

Ten million random keys are put in portions of 100,000, as a scorer would; then, in a process of its own, batches of
30,000 keys (300 queries of 100 documents) are looked up, half of them there, and at last a million at once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from alternate import write_results

PORTION, BATCH = 100_000, 30_000


def make_keys(n: int, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 2**64, (n, 2), dtype=np.uint64)


def open_memo(folder: Path) -> Any:
    from nirank.store import LocalStore

    return LocalStore(folder).open_memo({"pair scores": "benchmark"}, np.dtype("<f4"))


def measure_anonymous_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def fill(folder: Path, n: int) -> dict[str, Any]:
    memo, all_keys = open_memo(folder), make_keys(n, 0)
    start_s = time.perf_counter()
    for start in range(0, n, PORTION):
        memo.put(all_keys[start : start + PORTION], np.arange(PORTION, dtype="<f4"), 1.0)
    seconds = time.perf_counter() - start_s
    files = list(folder.rglob("*.memo"))
    size = sum(path.stat().st_size for path in files)
    return {"pairs": n, "put_s": seconds, "segments": len(files), "bytes_a_pair": size / n}


def look_up(folder: Path, n: int) -> dict[str, Any]:
    stored_keys, absent = make_keys(n, 0), make_keys(1_000_000, 1)
    order = np.random.default_rng(2)
    start_mib = measure_anonymous_mib()
    memo = open_memo(folder)
    start = time.perf_counter()
    memo.get(absent[:1])
    first = time.perf_counter() - start
    seconds = []
    for _ in range(20):
        keys = np.concatenate(
            (stored_keys[order.integers(0, n, BATCH // 2)], absent[order.integers(0, 10**6, BATCH // 2)])
        )
        start = time.perf_counter()
        is_stored, _ = memo.get(keys)
        seconds.append(time.perf_counter() - start)
        assert is_stored.sum() == BATCH // 2
    start = time.perf_counter()
    is_stored, rows = memo.get(stored_keys[:1_000_000])
    million = time.perf_counter() - start
    assert is_stored.all() and (rows == np.tile(np.arange(PORTION), 10)).all()
    return {
        "opened_s": first, "batch_s": statistics.median(seconds), "a_second": BATCH / statistics.median(seconds),
        "a_second_of_a_million": 1_000_000 / million, "anonymous_mib": measure_anonymous_mib() - start_mib,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--look-up", type=Path)
    options = parser.parse_args()
    if options.look_up:
        print(json.dumps(look_up(options.look_up, options.pairs)))
        return
    with tempfile.TemporaryDirectory() as folder:
        row = fill(Path(folder), options.pairs)
        command = [sys.executable, __file__, "--look-up", folder, "--pairs", str(options.pairs)]
        row |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(json.dumps(row))
    if options.out:
        write_results(options.out, "memo", [row])


if __name__ == "__main__":
    main()
