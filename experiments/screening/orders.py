"""Which stopping rules keep their promises where the order of reading is known to be random, or a given bit better.

    python experiments/screening/orders.py [--orders 20]

The 19 reviews of sysrev (labels only, relevant from grade 1), each in orders drawn so that a relevant document comes up
`bias` times likelier than another one: 1 is a random order, in which the hypergeometric test's urn is what it assumes.
Each rule is asked after every document.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import defaultdict
from pathlib import Path

import numpy as np

from nirank.stopping.outcomes import end_review, summarise_ends
from nirank.stopping.rules import parse_stopping_rule

DATA = Path(__file__).parents[2] / "../shared/data/screening/sysrev"
BIASES = (1, 10)
RULES = (
    *({"hypergeometric": target} for target in (0.8, 0.9, 0.95)),
    *({"every": {"rule": {"hypergeometric": 0.95}, "n": n}} for n in (10, 100, 500)),
    *("target", {"poisson": 0.8}, {"poisson": 0.95}, {"consecutive": 50}, {"consecutive": 200}, "knee"),
)


def read_labels() -> dict[str, np.ndarray]:
    """Return the labels of each topic's candidates, in the file's order."""
    relevant = set()
    for split in ("train", "test"):
        with (DATA / "qrels" / f"{split}.tsv").open() as file:
            rows = list(csv.reader(file, delimiter="\t"))[1:]
        relevant |= {(query, doc) for query, doc, grade in rows if int(grade) > 0}
    labels = defaultdict(list)
    with gzip.open(DATA / "candidates.tsv.gz", "rt") as file:
        for query, doc, *_ in list(csv.reader(file, delimiter="\t"))[1:]:
            labels[query].append((query, doc) in relevant)
    return {topic: np.array(values, np.int8) for topic, values in labels.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20)
    n_orders = parser.parse_args().orders
    reviews = read_labels()
    print("| bias | rule | recall | least recall | read | held | 95% interval |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for bias in BIASES:
        for rule in map(parse_stopping_rule, RULES):
            ends = []
            for topic, labels in reviews.items():
                for seed in range(n_orders):
                    times = np.random.default_rng([seed, len(labels)]).exponential(np.where(labels, 1 / bias, 1.0))
                    ends.append(end_review(rule, topic, labels[np.argsort(times)]))
            outcome = summarise_ends(rule.title, rule.asks, rule.promise, ends)
            held = interval = "-"
            if outcome.kept is not None and outcome.kept_interval is not None:
                held = f"{outcome.kept} of {outcome.reviews}"
                interval = "{:.1%} to {:.1%}".format(*outcome.kept_interval)
            numbers = f"{outcome.recall:.3f} | {outcome.least_recall:.3f} | {outcome.effort:.1%} | {held} | {interval}"
            print(f"| {bias} | {outcome.rule} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
