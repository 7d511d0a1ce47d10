"""A small collection in a folder, a configuration over it, and the lists that a run gives its queries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WORDS = [f"w{i}" for i in range(60)]
QUERIES = {"q1": "w1 w2 w3", "q2": "w4 w5", "q3": "w10 w11 w12 w13"}


def write_collection(folder: Path, n_docs: int = 40) -> Path:
    """Write documents of random words, with years, and three judged queries."""
    rng = np.random.default_rng(4)
    (folder / "qrels").mkdir(parents=True)
    docs = [
        {
            "_id": f"d{i}",
            "title": f"title {WORDS[i % 60]}",
            "text": " ".join(rng.choice(WORDS, 30)),
            "metadata": {"year": 1990 + i % 20},
        }
        for i in range(n_docs)
    ]
    queries = [{"_id": id, "text": text, "metadata": {"year": 2000}} for id, text in QUERIES.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    judged = "".join(f"{id}\td{at}\t1\n" for at, id in enumerate(QUERIES))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return folder


def write_config(folder: Path, systems: str, collection: str = "{path: tiny}", more: str = "") -> Path:
    """Write a configuration over `folder/tiny`, its store beside it."""
    path = folder / "config.yaml"
    path.write_text(
        f"collections: [{collection}]\nsystems:\n{systems}\nmeasures: [nDCG@10]\nstore: {folder / 'store'}\n{more}"
    )
    return path
