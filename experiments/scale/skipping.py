"""BM25 search with bitmaps of frequent terms and without, in turn, on synthetic documents of growing number.

    OMP_NUM_THREADS=1 taskset -c 0 python experiments/scale/skipping.py --out experiments/scale/results

Documents of 80 words and queries from `scale.py`'s Zipf law, written as postings without Java. Figures are processor
milliseconds a query, the least of the repeats; documents and scores of both are compared byte by byte.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scale import VOCABULARY, WORDS, describe_cpu

from nirank.flow.ids import Ids
from nirank.flow.scope import Scope
from nirank.lexical.bitmaps import NO_BITMAPS, Bitmaps, write_bitmaps
from nirank.lexical.postings import FieldPostings, encode_lengths
from nirank.lexical.scoring import search

SIZES = (100_000, 300_000, 1_000_000)
LENGTHS = {2: 32, 4: 32, 10: 32, 200: 8}  # words of a query: queries
DEPTHS = (10, 100, 1_000)
_STEP = 50_000


def draw_words(random: np.random.Generator, *shape: int) -> np.ndarray:
    return np.floor(VOCABULARY ** random.random(shape)).astype(np.int64) - 1


def make_postings(n: int, folder: Path) -> FieldPostings:
    """Return the postings of n documents, with bitmaps; terms are named so that byte order is that of their ranks."""
    random = np.random.default_rng(n)
    blocks = []
    for start in range(0, n, _STEP):
        words = draw_words(random, _STEP, WORDS)
        keys = np.sort((words * _STEP + np.arange(_STEP)[:, None]).ravel())
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        terms, docs = np.divmod(keys[first], _STEP)
        blocks.append((terms.astype(np.int32), (docs + start).astype(np.int32), np.diff(first, append=len(keys))))
    df = sum(np.bincount(terms, minlength=VOCABULARY) for terms, _, _ in blocks)
    offsets = np.concatenate(([0], np.cumsum(df)))
    docs, tfs, filled = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.float32), offsets[:-1].copy()
    for terms, rows, counts in blocks:
        size = np.bincount(terms, minlength=VOCABULARY)
        at = filled[terms] + np.arange(len(terms)) - (np.cumsum(size) - size)[terms]
        docs[at], tfs[at] = rows, counts
        filled += size
    write_bitmaps(offsets, docs, n, folder)
    names = Ids.of([f"{rank:07}" for rank in range(VOCABULARY)])
    norms = encode_lengths(np.full(n, WORDS))
    return FieldPostings(names, offsets, docs, tfs, norms, n, WORDS * n, bitmaps=Bitmaps.open(folder))


def measure(field: FieldPostings, words: int, depth: int, repeats: int) -> dict[str, float]:
    """Return processor milliseconds a query, with bitmaps and without."""
    count = LENGTHS[words]
    ranks = draw_words(np.random.default_rng(words), count, words)
    queries = [[f"{rank:07}" for rank in row] for row in ranks.tolist()]
    n = len(field.norms)
    scope = Scope(Ids.of([f"q{at}" for at in range(count)]), Ids.of([f"{row:08}" for row in range(n)]))
    forms = {"with": field, "without": replace(field, bitmaps=NO_BITMAPS)}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    found = set()
    for repeat in range(repeats + 1):
        for name, form in forms.items():
            start = time.process_time()
            ranking = search({"": form}, {"": 1.0}, queries, scope, k1=0.9, b=0.4, k=depth)
            if repeat:  # the first compiles, and reads from disk
                seconds[name].append(time.process_time() - start)
            found.add(ranking.rows.tobytes() + ranking.scores.tobytes())
    if len(found) > 1:
        raise SystemExit(f"{n} documents, {words} words, depth {depth}: bitmaps change the results")
    return {name: round(1000 * min(values) / count, 3) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="multiples of 50,000")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for n in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            field = make_postings(n, Path(name))
            for words in LENGTHS:
                for depth in DEPTHS:
                    figures = measure(field, words, depth, options.repeats)
                    rows.append({"documents": n, "words": words, "depth": depth, **figures})
                    print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "cpu": describe_cpu()}
    (options.out / "skipping.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
