"""Fifty thousand long documents: indexed, searched with whole acts, filtered by date.

    python experiments/regulatory/many_acts.py ../shared/data/regulatory --work FOLDER

The documents are the real ones of eu-acts and ca-regs with 500 to 10,000 words (2,500 in the mean), in turns, until
there are so many; each round has other digits in its texts and lies a year earlier. The queries are the acts of the dev
split of eu-acts, whole. Prints seconds, milliseconds a query, and the most anonymous memory that the process held.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from mmap import mmap
from pathlib import Path
from typing import Any

SYSTEMS: dict[str, Any] = {
    "whole": "bm25",
    "whole, before the query": {"within": {"scope": "dated", "of": "bm25"}},
    "whole, ten years before": {"within": {"scope": {"dated": {"days": 3653}}, "of": "bm25"}},
    "top 100 terms": {"rewrite": {"by": {"top_terms": 100}, "of": "bm25"}},
    "top 100 terms, before the query": {
        "rewrite": {"by": {"top_terms": 100}, "of": {"within": {"scope": "dated", "of": "bm25"}}}
    },
}


def read_acts(folder: Path) -> list[dict[str, Any]]:
    """Return the documents that are repeated."""
    acts = []
    for name in ("eu-acts", "ca-regs"):
        with gzip.open(folder / name / "corpus.jsonl.gz", "rt") as file:
            for line in file:
                act = json.loads(line)
                if 500 <= len(act["text"].split()) <= 10_000:
                    acts.append(act)
    return acts


def repeat_acts(acts: list[dict[str, Any]], n: int) -> Iterator[dict[str, Any]]:
    """Yield n documents: round after round, each with other digits and a year earlier."""
    drawn = random.Random(0)
    for at in range(n):
        turn, place = divmod(at, len(acts))
        if place == 0:
            digits = str.maketrans("0123456789", "".join(drawn.sample("0123456789", 10)) if turn else "0123456789")
        act = acts[place]
        year, rest = act["metadata"]["date"].split("-", 1)
        date = f"{int(year) - turn}-{'28'.join(rest.rsplit('29', 1)) if rest == '02-29' else rest}"
        yield {
            "_id": act["_id"] if not turn else f"{act['_id']}-{turn}",
            "title": act["title"].translate(digits),
            "text": act["text"].translate(digits),
            "metadata": {"date": date},
        }


def write_collection(source: Path, work: Path, n: int) -> None:
    """Write a collection of n documents with the dev queries of eu-acts."""
    (work / "qrels").mkdir(parents=True)
    with (work / "corpus.jsonl").open("w") as file:
        file.writelines(json.dumps(doc) + "\n" for doc in repeat_acts(read_acts(source), n))
    dev = (source / "eu-acts" / "qrels" / "dev.tsv").read_text().splitlines()[1:]
    first = read_acts(source)[0]["_id"]  # what is relevant is nothing here
    judged = "".join(f"{query}\t{first}\t1\n" for query in dict.fromkeys(line.split("\t")[0] for line in dev))
    (work / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    shutil.copy(source / "eu-acts" / "queries.jsonl.gz", work / "queries.jsonl.gz")


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
        time.sleep(0.01)
    os._exit(0)


def main() -> None:
    """Write, import, index and search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="an empty folder for collection and store")
    parser.add_argument("--documents", type=int, default=50_000)
    options = parser.parse_args()
    data, store = options.work / "data", options.work / "store"
    write_collection(options.collections, data, options.documents)
    peak = watch()
    import yaml

    from nirank import Experiment, load, open_store
    from nirank.config.reader import load_config

    (options.work / "c.yaml").write_text(
        yaml.safe_dump({"collections": ["x"], "systems": SYSTEMS, "measures": ["RR"]}, sort_keys=False)
    )
    systems, opened = load_config(options.work / "c.yaml").systems, open_store(store)

    def report(what: str, began: tuple[float, float], n: int = 0, **more: Any) -> None:
        processor, clock = time.process_time() - began[0], time.perf_counter() - began[1]
        line = {"what": what, "processor_s": round(processor, 1), "clock_s": round(clock, 1), **more}
        line["peak_mib"] = struct.unpack("q", peak[:])[0] >> 20
        if n:
            line |= {"processor_ms_per_query": round(1000 * processor / n, 1)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        peak[:] = struct.pack("q", 0)

    began = time.process_time(), time.perf_counter()
    collection = load(f"{data}/dev", store=opened)
    report("import", began, documents=len(collection.docs), corpus_mib=(data / "corpus.jsonl").stat().st_size >> 20)
    runs = [("index, and one query", systems["whole"], collection.sample(1))]
    for name, pipeline, asked in [*runs, *((name, pipeline, collection) for name, pipeline in systems.items())]:
        began = time.process_time(), time.perf_counter()
        (row,) = Experiment(asked, {name: pipeline}, ["RR"], store=opened, device="cpu").run().rows
        assert row.error is None, row.error
        report(name, began, row.queries.declared)
    os._exit(0)


if __name__ == "__main__":
    main()
