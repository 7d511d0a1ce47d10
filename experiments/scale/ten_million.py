"""A million documents and ten: import, BM25 by ranges, exact and approximate nearest neighbours, beside their rivals.

    python experiments/scale/ten_million.py --work FOLDER --out experiments/scale/results

Every step is a process of its own and adds a row to `ten_million.json` when it is done; a step that has a row is not
run again unless `--only` names it, so that a killed run goes on. Files, indexes and stores stay in the work folder
(about 30 GB for ten million documents). Texts are those of `synthetic_texts.py`, vectors those of
`synthetic_vectors.py`. Memory is the greatest RssAnon: what is not a mapped file, Java's heap included. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ten_million_rivals as rivals
import ten_million_texts as texts
import ten_million_vectors as vectors
from meter import Figures, Place
from scale import describe_cpu

SIZES = (1_000_000, 10_000_000)


def list_steps() -> dict[str, Callable[[Place], Figures]]:
    """Return the steps in their order; those that change the documents come last of those on texts."""
    searches = [(words, depth) for words in texts.LENGTHS for depth in texts.DEPTHS]

    def name_searches(search: Callable[..., Figures], title: str) -> dict[str, Callable[[Place], Figures]]:
        return {
            f"{title}, {words:,} words, depth {depth:,}": partial(search, words=words, depth=depth)
            for words, depth in searches
        }

    return {
        "import": texts.import_documents,
        "BM25 index": texts.index,
        **name_searches(texts.search, "BM25 search"),
        "evaluation": texts.evaluate,
        "Lucene index": rivals.index_lucene,
        **name_searches(rivals.search_lucene, "Lucene search"),
        "bm25s": rivals.run_bm25s,
        "one document changed": texts.change,
        "1,000 documents appended": texts.append,
        **vectors.list_steps(),
    }


def describe_row(n: int, step: str) -> dict[str, Any]:
    """Return what a row says before its figures."""
    return {
        "documents": n,
        "step": step,
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "cores": len(os.sched_getaffinity(0)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--ranges", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", default=(), metavar="STEP", help="steps by the beginning of their names")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    steps = list_steps()
    if options.step:
        (n,) = options.sizes
        print(json.dumps(steps[options.step](Place(options.work / str(n), n, options.ranges))))
        return
    chosen = [step for step in steps if not options.only or step.startswith(tuple(options.only))]
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "ten_million.json"
    for n in options.sizes:
        if not (options.work / str(n) / "qrels.tsv").exists():
            texts.write_files(options.work / str(n), n)
        for step in chosen:
            rows = json.loads(path.read_text())["rows"] if path.exists() else []
            earlier = [row for row in rows if (row["documents"], row["step"]) == (n, step)]
            if earlier and not options.only:
                continue
            command = [sys.executable, __file__, "--work", str(options.work), "--out", str(options.out)]
            command += ["--sizes", str(n), "--ranges", str(options.ranges), "--step", step]
            process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            row = describe_row(n, step) | json.loads(process.stdout.splitlines()[-1])
            print(json.dumps(row), file=sys.stderr, flush=True)
            machine = {"cpu": describe_cpu(), "ranges": options.ranges, "queries": texts.QUERIES}
            kept = [other for other in rows if other not in earlier]
            path.write_text(json.dumps({"machine": machine, "rows": [*kept, row]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
