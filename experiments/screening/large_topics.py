"""Reviews of 20,000 and 80,000 records: seconds of processor time and memory of a whole simulation.

usage: python experiments/screening/large_topics.py POLICY N [--batch B] [--growth G] [--folder FOLDER]

The records are those of `sysrev`, and beyond their number copies in which a fifth of the words is left out; relevant
are those of one topic, and not their copies.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from nirank.feedback.batches import Batches
from nirank.feedback.features import make_topic_tfidf
from nirank.feedback.presets import get_policy
from nirank.feedback.simulation import simulate

TOPIC, TITLE = "Cohen_2006_ADHD", "attention deficit hyperactivity disorder drugs"


def make_topic(folder: Path, n: int) -> tuple[list[str], np.ndarray]:
    relevant = set()
    for split in ("train", "test"):
        for line in (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            query, record, grade = line.split("\t")[:3]
            if query == TOPIC and int(grade) >= 1:
                relevant.add(record)
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    random = np.random.default_rng(0)
    chosen = [records[at] for at in random.permutation(len(records))]
    chosen.sort(key=lambda record: record["_id"] not in relevant)
    texts = [f"{record.get('title') or ''} {record.get('text') or ''}" for record in chosen]
    labels = [int(record["_id"] in relevant) for record in chosen]
    for at in count():
        if len(texts) >= n:
            break
        words = texts[at % len(chosen)].split()
        texts.append(" ".join(word for word, kept in zip(words, random.random(len(words)) > 0.2, strict=True) if kept))
        labels.append(0)
    order = random.permutation(n)
    return [texts[at] for at in order], np.array([labels[at] for at in order], np.int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy")
    parser.add_argument("n", type=int)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--growth", type=float, default=0.1)
    parser.add_argument("--folder", type=Path, default=Path("../shared/data/screening/sysrev"))
    options = parser.parse_args()
    texts, labels = make_topic(options.folder, options.n)
    policy = replace(get_policy(options.policy), batches=Batches(options.batch, options.growth))
    began = time.process_time()
    features, topic = make_topic_tfidf(texts, TITLE, policy.terms)
    featured, memory = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    order = simulate(policy.begin(features, 0, topic=topic), labels, np.zeros(0, np.int64))
    found = np.cumsum(labels[order])
    line = {
        "policy": options.policy,
        "records": options.n,
        "relevant": int(labels.sum()),
        "processor seconds": round(time.process_time() - began, 1),
        "of them features": round(featured, 1),
        "MB after features": memory >> 10,
        "MB at the most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "read until 95 % are found": int(np.searchsorted(found, -(-95 * int(labels.sum()) // 100))) + 1,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
