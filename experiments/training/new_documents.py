"""Do trained models rank documents better that no training pair has shown them? Runs compared on those queries alone.

    python experiments/training/new_documents.py experiments/training/scifact_bi_encoder.yaml \
        experiments/training/results/scifact_bi_encoder

Takes the queries none of whose relevant documents is relevant in the configuration's training set, and compares all run
files of the results with zero-shot's: the mean of nDCG@10, and paired tests, per query the mean over seeds.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from nirank import Experiment, evaluate, load, read_run
from nirank.config.reader import load_config
from nirank.evaluation.comparisons import Significance, compare
from nirank.experiment.supervision import find_seen_queries

MEASURE, BASELINE = "nDCG@10", "Zero-shot"


def main(config: Path, results: Path) -> None:
    parsed = load_config(config)
    (arguments,) = parsed.collections
    collection = load(arguments["source"])
    (qrels,) = collection.qrels.values()
    runs = Experiment(collection, parsed.systems, parsed.measures, seeds=parsed.seeds).plan()
    new = next(~known for run in runs if (known := find_seen_queries(run.supervision, collection, qrels)) is not None)
    rows = np.flatnonzero(new & (qrels.counts > 0))
    some = collection.take(rows)
    (judged,) = some.qrels.values()
    found: dict[str, list] = {}
    for path in sorted(results.glob("runs/**/*.run.gz")):
        name = path.name.removesuffix(".run.gz").partition("__seed")[0]
        ranking = read_run(path, some.queries.ids, some.docs.ids).ranking
        found.setdefault(name, []).append(evaluate(ranking, judged, (MEASURE,)))
    means = {
        name: replace(of[0], per_query={MEASURE: np.mean([one.per_query[MEASURE] for one in of], axis=0)})
        for name, of in found.items()
    }
    print(f"{len(rows)} of {len(collection.queries)} queries with new documents only")
    for name, one in means.items():
        print(f"{name:20} {one.per_query[MEASURE].mean():.4f}  ({len(found[name])} runs)")
    for pair in compare(means, Significance(baseline=BASELINE)).pairs:
        if BASELINE in (pair.a, pair.b):
            print(f"{pair.a} - {pair.b}: {pair.difference:+.4f}, p {pair.p:.4f}, corrected {pair.p_adjusted:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
