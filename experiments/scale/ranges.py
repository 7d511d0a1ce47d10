"""What ranges of rows cost and spare: index and search at once and in ranges, documents appended, one changed.

    python experiments/scale/ranges.py --documents 200000 --ranges 50000 --out experiments/scale/results

Documents as of `scale.py`, 32 queries of ten words, depth 1,000, BM25. Each step runs in a process of its own, with
Java warm; seconds are the process's (of all threads), memory its greatest RssAnon. `lists` is a digest of the lists:
steps on the same documents have the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scale import QUERIES, WORDS, Memory, describe_cpu, draw_texts

STEPS = {  # step: file of documents, whether in ranges
    "at once": ("corpus", False),
    "in ranges": ("corpus", True),
    "appended, at once": ("appended", False),
    "appended, in ranges": ("appended", True),
    "one changed, in ranges": ("changed", True),
}


def write_files(folder: Path, n: int) -> None:
    """Write n documents, the same and a hundredth more, the same with another one in the middle, and queries."""
    rng = np.random.default_rng(n)
    texts = draw_texts(rng, n + n // 100, WORDS)
    changed = [*texts[: n // 2], texts[-1], *texts[n // 2 + 1 : n]]
    for name, part in (("corpus", texts[:n]), ("appended", texts), ("changed", changed)):
        with (folder / f"{name}.jsonl").open("w") as file:
            for row, text in enumerate(part):
                file.write(json.dumps({"_id": f"d{row:08}", "title": "", "text": text}) + "\n")
    with (folder / "queries.jsonl").open("w") as file:
        for row, text in enumerate(draw_texts(rng, QUERIES, 10)):
            file.write(json.dumps({"_id": f"q{row}", "text": text}) + "\n")


def run_step(step: str, folder: Path, size: int) -> dict[str, Any]:
    """Run one step; return seconds of import, index and search, memory, and a digest of the lists."""
    from nirank import BM25, Experiment, load
    from nirank.lexical.analysis import Analyzer
    from nirank.store import open_store

    name, in_ranges = STEPS[step]
    store = open_store(str(folder / ("store-ranges" if in_ranges else "store")))
    list(Analyzer("english").tokenize(draw_texts(np.random.default_rng(0), 2_000, WORDS)))
    memory = Memory()
    start = time.process_time()
    collection = load(
        name=name,
        docs=folder / f"{name}.jsonl",
        queries=folder / "queries.jsonl",
        ranges=size if in_ranges else None,
        store=store,
    )
    imported = time.process_time()
    result = Experiment(collection, {"BM25": BM25()}, ["nDCG@10"], store=store).run()
    seconds = time.process_time() - imported
    memory.running = False
    memory.thread.join()
    ranking = result.ranking("BM25")
    digest = hashlib.md5()
    for array in (ranking.offsets, ranking.rows, ranking.scores):
        digest.update(np.ascontiguousarray(array).tobytes())
    online_s = (result.rows[0].cost.ms_per_query or 0) * QUERIES / 1000
    return {
        "import_s": imported - start,
        "index_and_search_s": seconds,
        "search_wall_s": online_s,
        "rss_anon_mib": memory.peak,
        "lists": digest.hexdigest(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--ranges", type=int, default=50_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--step", nargs=2, help="one step in this process: STEP FOLDER")
    options = parser.parse_args()
    if options.step:
        print(json.dumps(run_step(options.step[0], Path(options.step[1]), options.ranges)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), options.documents)
        for step in STEPS:
            command = [sys.executable, __file__, "--out", str(options.out), "--ranges", str(options.ranges)]
            process = subprocess.run([*command, "--step", step, name], capture_output=True, text=True, check=True)
            rows.append({"step": step} | json.loads(process.stdout.splitlines()[-1]))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {"cpu": describe_cpu(), "documents": options.documents, "ranges": options.ranges, "queries": QUERIES}
    (options.out / "ranges.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
