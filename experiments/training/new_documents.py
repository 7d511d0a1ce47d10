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
    part = collection.take(rows)
    (judged,) = part.qrels.values()
    evaluations: dict[str, list] = {}
    for path in sorted(results.glob("runs/**/*.run.gz")):
        name = path.name.removesuffix(".run.gz").partition("__seed")[0]
        ranking = read_run(path, part.queries.ids, part.docs.ids).ranking
        evaluations.setdefault(name, []).append(evaluate(ranking, judged, (MEASURE,)))
    means = {
        name: replace(
            evaluations_of_system[0],
            per_query={
                MEASURE: np.mean([evaluation.per_query[MEASURE] for evaluation in evaluations_of_system], axis=0)
            },
        )
        for name, evaluations_of_system in evaluations.items()
    }
    print(f"{len(rows)} of {len(collection.queries)} queries with new documents only")
    for name, evaluation in means.items():
        print(f"{name:20} {evaluation.per_query[MEASURE].mean():.4f}  ({len(evaluations[name])} runs)")
    for pair in compare(means, Significance(baseline=BASELINE)).pairs:
        if BASELINE in (pair.a, pair.b):
            print(f"{pair.a} - {pair.b}: {pair.difference:+.4f}, p {pair.p:.4f}, corrected {pair.p_adjusted:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
