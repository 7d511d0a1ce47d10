"""How long the first answer takes on a stored index, and each after it; and how far scores are from the run's.

    python experiments/serving/first_answers.py CONFIG

For each system: the processor seconds of `nirank search` with one query, and of one query after the other in one
process, with the wall clock beside; and the greatest difference of scores between queries asked alone, without what
memos know, and the run. Prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any
from unittest.mock import patch

import numpy as np

from nirank.base.memo import ReadOnlyMemo
from nirank.cli.console import set_up_logging
from nirank.collections.text_view import TextView
from nirank.config.experiments import load_collections, make_experiment
from nirank.config.reader import load_config
from nirank.searching.searcher import Searcher
from nirank.store import open_store

QUERIES = 100


def time_command(config: str, system: str, query: str) -> dict[str, float]:
    """Return the seconds of one `nirank search`, of processors and by the clock."""
    before, began = os.times(), time.monotonic()
    command = [sys.executable, "-m", "nirank.cli.main", "search", config, system, query, "--json", "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return {"processor_s": round(processor, 2), "clock_s": round(time.monotonic() - began, 2)}


def time_searches(searcher: Searcher, system: str, queries: list[str]) -> dict[str, float]:
    """Return the milliseconds of queries that no memo knows, one after the other."""
    searcher.warm_up(system)
    processor, clock = [], []
    for query in queries:
        start = time.process_time(), time.monotonic()
        searcher.search(system, f"{query} ?")
        processor.append(1000 * (time.process_time() - start[0]))
        clock.append(1000 * (time.monotonic() - start[1]))
    return {
        f"{name}_ms_{what}": round(float(np.quantile(values, q)), 1)
        for name, values in (("processor", processor), ("clock", clock))
        for what, q in (("median", 0.5), ("p95", 0.95))
    }


def compare(searcher: Searcher, ranking: Any, system: str, queries: dict[str, str]) -> dict[str, float]:
    """Return how far scores of queries asked alone are from the run's, and how many lists have another order."""
    run = ranking.to_dict()
    difference, orders = 0.0, 0
    for id, text in queries.items():
        answer = searcher.search(system, text, 1000)
        ids = [document.id for document in answer.documents]
        shared = [(score, run[id][doc]) for doc, score in zip(ids, answer.scores, strict=True) if doc in run[id]]
        difference = max([difference, *(abs(a - b) / max(abs(b), 1e-12) for a, b in shared)])
        orders += ids[:10] != list(run[id])[:10]
    return {"greatest_relative_difference": float(f"{difference:.1e}"), "other_first_ten": orders}


def forget(memo: Any, keys: Any) -> Any:
    """Look up as a memo that knows nothing."""
    present, rows = memo._memo.get(keys)
    return np.zeros_like(present), rows[:0]


def main(config: str) -> None:
    set_up_logging(quiet=True, debug=False)
    configuration = load_config(config)
    store = open_store(configuration.store)
    experiment = make_experiment(configuration, load_collections(configuration, store), store)
    rankings = experiment.run().rankings
    searcher = Searcher.of(experiment)
    (collection,) = experiment.collections
    ids, texts = list(collection.queries.ids)[:QUERIES], list(collection.queries.read(TextView(("title", "text"))))
    results: dict[str, Any] = {}
    for system in configuration.systems:
        results[system] = {"first": time_command(config, system, texts[0])}
        results[system] |= {"after": time_searches(searcher, system, texts[:QUERIES])}
    with patch.object(ReadOnlyMemo, "get", forget):
        for system in configuration.systems:
            ranking = rankings[collection.name, collection.split, system]
            results[system] |= compare(searcher, ranking, system, dict(zip(ids, texts, strict=False)))
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
