"""BM25 search in three forms in turn, on synthetic documents of growing number or on a collection's words.

    OMP_NUM_THREADS=1 taskset -c 0 python experiments/scale/skipping.py --out experiments/scale/results
    OMP_NUM_THREADS=1 taskset -c 0 python experiments/scale/skipping.py --collection ../shared/data/beir/scifact/test \\
        --out experiments/scale/results

The forms: now; without what tfs bound (`weights`); and without bitmaps of frequent terms besides (`no bitmaps`).

Synthetic are documents of 80 words and queries from `scale.py`'s Zipf law, written as postings without Java. Of a
collection the queries are taken as they are, then documents as queries. Figures are processor milliseconds a query, the
least of the repeats; documents and scores of all forms are compared byte by byte.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scale import VOCABULARY, WORDS, describe_cpu

from nirank import load
from nirank.collections.text_view import TextView
from nirank.flow.ids import Ids
from nirank.flow.scope import Scope
from nirank.lexical import scoring
from nirank.lexical.analysis import Analyzer
from nirank.lexical.bitmaps import NO_BITMAPS, Bitmaps
from nirank.lexical.postings import FieldPostings, Index, build_index, encode_lengths, write_aids
from nirank.store import LocalStore

SIZES = (100_000, 300_000, 1_000_000)
LENGTHS = {1: 256, 2: 256, 4: 256, 10: 256, 200: 8}  # words of a query: queries
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
    write_aids(offsets, docs, tfs, n, folder)
    aids = {"bitmaps": Bitmaps.open(folder), "most_tfs": np.load(folder / "most_tfs.npy")}
    names = Ids.of([f"{rank:07}" for rank in range(VOCABULARY)])
    norms = encode_lengths(np.full(n, WORDS))
    return FieldPostings(names, offsets, docs, tfs, norms, n, WORDS * n, **aids)


def draw_queries(words: int) -> list[list[str]]:
    ranks = draw_words(np.random.default_rng(words), LENGTHS[words], words)
    return [[f"{rank:07}" for rank in row] for row in ranks.tolist()]


def look_up_loosely(look_up: Callable[..., Any]) -> Callable[..., Any]:
    """Return a look-up that knows no bound of documents' lengths: no tf is too low, and weights are the only bounds."""
    return lambda *args: replace(look_up(*args), most=np.float32(np.inf))


def measure(field: FieldPostings, queries: Sequence[Sequence[str]], depth: int, repeats: int) -> dict[str, float]:
    """Return processor milliseconds a query, by form."""
    docs = Ids.of([f"{row:08}" for row in range(len(field.norms))])
    scope = Scope(Ids.of([f"q{at}" for at in range(len(queries))]), docs)
    plain, loose = scoring._look_up, look_up_loosely(scoring._look_up)
    without = replace(field, bitmaps=NO_BITMAPS)
    forms = {"now": (field, plain), "weights": (field, loose), "no bitmaps": (without, loose)}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    found = set()
    for repeat in range(repeats + 1):
        for name, (postings, look_up) in forms.items():
            with patch.object(scoring, "_look_up", look_up):
                start = time.process_time()
                ranking = scoring.search({"": postings}, {"": 1.0}, queries, scope, k1=0.9, b=0.4, k=depth)
                spent = time.process_time() - start
            if repeat:  # the first compiles, and reads from disk
                seconds[name].append(spent)
            found.add(ranking.rows.tobytes() + ranking.scores.tobytes())
    if len(found) > 1:
        raise SystemExit(f"{len(docs)} documents, depth {depth}: the forms find different lists")
    return {name: round(1000 * min(values) / len(queries), 3) for name, values in seconds.items()}


def measure_synthetic(n: int, repeats: int, folder: Path) -> list[dict[str, Any]]:
    field = make_postings(n, folder)
    return [
        note({"documents": n, "words": words, "depth": depth, **measure(field, draw_queries(words), depth, repeats)})
        for words in LENGTHS
        for depth in DEPTHS
    ]


def measure_collection(path: Path, repeats: int, folder: Path) -> list[dict[str, Any]]:
    collection = load(path, store=LocalStore(folder / "store"))
    texts = list(collection.docs.read(TextView(("title", "text"))))
    (folder / "index").mkdir()
    build_index({"": iter(texts)}, len(texts), "english", folder / "index")
    field = Index.open(folder / "index").fields[""]
    asked = {"queries": list(collection.queries.read(TextView("text"))), "documents": texts[:200]}
    rows = []
    for kind, questions in asked.items():
        tokens = list(Analyzer("english").tokenize(questions))
        length = round(np.mean([len(row) for row in tokens]), 1)
        facts = {"collection": path.parent.name, "asked": kind, "words": length}
        rows += [note({**facts, "depth": depth, **measure(field, tokens, depth, repeats)}) for depth in DEPTHS]
    return rows


def note(row: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="multiples of 50,000")
    parser.add_argument("--collection", type=Path, help="a collection's folder, instead of synthetic documents")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for subject in [options.collection] if options.collection else options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            one = measure_collection if options.collection else measure_synthetic
            rows += one(subject, options.repeats, Path(folder))
    options.out.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "cpu": describe_cpu()}
    name = "skipping_words.json" if options.collection else "skipping.json"
    (options.out / name).write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
