"""A run with Java and torch under the least ceiling that is not refused; as a script, in a process of its own, its peak is measured."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from nirank.base.memory import measure_process_memory
from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.stages.bm25 import BM25
from nirank.stages.dense import Dense
from nirank.stages.max_sim import MaxSim
from nirank.stages.rrf import RRF
from nirank.store import LocalStore


def make_experiment(store: Path, model: str, ceiling: int | None) -> Experiment:
    texts = {f"d{i:05}": " ".join(f"w{(i * j) % 60}" for j in range(1, 30)) for i in range(6000)}
    queries = {f"q{i:03}": f"w{i % 60} w{i % 7}" for i in range(200)}
    collection = Collection.of(texts, queries, {"q000": {"d00001": 1}})
    dense = Dense(model)
    fused, late = RRF().of(BM25(), dense), dense % 20 >> MaxSim(model)
    systems = {"BM25": BM25(), "Dense": dense, "Fused": fused, "Late": late}
    return Experiment(collection, systems, ["RR"], store=LocalStore(store), device="cpu", max_memory=ceiling)


def main(store: str, model: str) -> None:
    """Print the ceiling, the peak and the rows."""
    estimates = [step.memory for step in make_experiment(Path(store), model, None)._list_planned_nodes()]
    ceiling = int(max(estimate for estimate in estimates if estimate is not None) * 1.02)
    experiment = make_experiment(Path(store), model, ceiling)
    peak, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.002):
            peak = max(peak, measure_process_memory())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        result = experiment.run()
    finally:
        ended.set()
        thread.join()
    assert not result.failed, result
    report = {"ceiling": ceiling, "peak": peak, "rows": [row.measures for row in result.rows]}
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
