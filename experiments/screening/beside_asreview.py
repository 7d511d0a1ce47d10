"""ELAS u4 here and in ASReview: the same topics, priors and order of records, one after the other.

usage: python experiments/screening/beside_asreview.py PYTHON TOPIC... [--seeds N] [--folder FOLDER]

PYTHON   an interpreter that has ASReview (`python -m venv asr; asr/bin/pip install asreview`)
--seeds  each topic once from the order of its file, and N times with one relevant and one other record, drawn, as
         priors [1]

Prints for each review how many places of the order are the same, recall after reading 5, 10 and 20 %, WSS@95 of both,
and seconds of processor time and of the clock, features included, loading of libraries left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from nirank.feedback.features import make_tfidf
from nirank.feedback.kernel import Kernel
from nirank.feedback.presets import get_policy
from nirank.feedback.simulation import simulate

OTHER = Path(__file__).with_name("review_in_asreview.py")


def read_topic(folder: Path, topic: str) -> dict[str, Any]:
    with gzip.open(folder / "candidates.tsv.gz", "rt", encoding="utf-8") as lines:
        ids = {line.split()[1] for line in lines if line.split()[0] == topic}
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [record for record in map(json.loads, lines) if record["_id"] in ids]
    relevant = set()
    for split in ("train", "test"):
        for line in (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            query, record, grade = line.split("\t")[:3]
            if query == topic and int(grade) >= 1:
                relevant.add(record)
    return {
        "titles": [record.get("title") or "" for record in records],
        "abstracts": [record.get("text") or "" for record in records],
        "labels": [int(record["_id"] in relevant) for record in records],
    }


def review_here(topic: dict[str, Any]) -> dict[str, Any]:
    began, clock = time.process_time(), time.perf_counter()
    policy = get_policy("elas_u4")
    texts = [" ".join(both) for both in zip(topic["titles"], topic["abstracts"], strict=True)]
    review = policy.begin(make_tfidf(texts, policy.terms), 0, priors=len(topic["priors"]))
    order = simulate(review, np.array(topic["labels"], np.int8), np.array(topic["priors"], np.int64))
    return {"order": order.tolist(), "seconds": time.process_time() - began, "clock": time.perf_counter() - clock}


def review_there(topic: dict[str, Any], python: str) -> dict[str, Any]:
    command = [python, "-I", str(OTHER)]  # -I: or this file would be taken for the library
    process = subprocess.run(command, input=json.dumps(topic), capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


def measure(order: list[int], labels: list[int], n: int) -> list[float]:
    found = np.cumsum([labels[record] for record in order])
    total = int(found[-1])
    recall = [found[math.ceil(share * n / 100) - 1] / total for share in (5, 10, 20)]
    rank = int(np.searchsorted(found, -(-95 * total // 100))) + 1
    return [*map(float, recall), (n - rank) / n - 0.05]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("topics", nargs="+")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("../shared/data/screening/sysrev"))
    options = parser.parse_args()
    make_tfidf(["load the library"])
    Kernel(np.eye(3) + 1).multiply(np.arange(2), np.ones(2))  # and the loops
    means: list[list[float]] = []
    for name in options.topics:
        topic = read_topic(options.folder, name)
        labels = np.array(topic["labels"])
        for seed in range(options.seeds + 1):
            random = np.random.default_rng(seed)
            classes = () if not seed else (1, 0)
            topic["priors"] = [int(random.choice(np.flatnonzero(labels == each))) for each in classes]
            ours, theirs = review_here(topic), review_there(topic, options.python)
            n = len(ours["order"])
            same = sum(a == b for a, b in zip(ours["order"], theirs["order"], strict=True))
            values = [measure(one["order"], topic["labels"], n) for one in (ours, theirs)]
            means.append([*values[0], *values[1], ours["seconds"], theirs["seconds"]])
            line = {
                "topic": name,
                "records": len(labels),
                "priors": len(topic["priors"]),
                "same places": f"{same} of {n}",
                "nirank": [round(value, 4) for value in values[0]],
                "asreview": [round(value, 4) for value in values[1]],
                "seconds": [round(one["seconds"], 2) for one in (ours, theirs)],
                "ratio": round(theirs["seconds"] / ours["seconds"], 2),
                "clock": [round(one["clock"], 2) for one in (ours, theirs)],
                "clock ratio": round(theirs["clock"] / ours["clock"], 2),
            }
            print(json.dumps(line), flush=True)
    mean = np.mean(means, axis=0)
    ratio = float(np.exp(np.mean([math.log(one[-1] / one[-2]) for one in means])))
    print(json.dumps({"mean R@5%, R@10%, R@20%, WSS@95": [mean[:4].round(4).tolist(), mean[4:8].round(4).tolist()]}))
    print(json.dumps({"geometric mean of the ratios": round(ratio, 2)}))


if __name__ == "__main__":
    main()
