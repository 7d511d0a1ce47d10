"""What selection costs on many documents: processor time and memory of each computation, encoding apart.

    python experiments/synthesis/measure_selection.py --docs 100000 --clusters 1000 --out selection-100k.json

Documents are made: topics whose sizes fall as 1 / rank, each with a direction, and around it the vectors of its
documents, of unit length. They lie in the store in the place of what a model would give, so that nothing is encoded.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from nirank import Dense, Selection, Texts, open_store
from nirank.algebra.node import Node, Store
from nirank.algebra.sides import Sides
from nirank.plan.execute import Runner
from nirank.plan.reporter import Reporter

TOPICS = 2_000
SPREAD = 1.0  # length of the noise around a direction of length 1
BLOCK = 20_000


def make_docs(n: int) -> Texts:
    """Return texts of about 400 characters."""
    line = "a passage of some length that says what it has to say and no more than that "
    return Texts.of({f"d{i}": f"document {i} " + 5 * line for i in range(n)})


def store_vectors(store: Store, node: Node, n: int, dimension: int) -> None:
    """Write made vectors as the artifact of the computation that would encode."""
    rng = np.random.default_rng(7)
    shares = 1 / np.arange(1, TOPICS + 1)
    directions = rng.standard_normal((TOPICS, dimension), dtype=np.float32) / np.sqrt(dimension, dtype=np.float32)
    meta = {"inputs": [{"role": "texts", "address": node.inputs[0][1].address, "checksum": node.inputs[0][1].address}]}
    meta |= {"cost": {"wall_s": 0.0, "cpu_s": 0.0, "loading_s": 0.0}}
    with store.commit(node, meta) as folder:
        vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.dtype(np.float32), (n, dimension))
        for start in range(0, n, BLOCK):
            topics = rng.choice(TOPICS, size=min(BLOCK, n - start), p=shares / shares.sum())
            noise = rng.standard_normal((len(topics), dimension), dtype=np.float32)
            block = directions[topics] + SPREAD * noise / np.sqrt(dimension, dtype=np.float32)
            vectors[start : start + len(topics)] = block / np.linalg.norm(block, axis=1, keepdims=True)
        vectors.flush()
        (folder / "encoding.json").write_text(json.dumps({"similarity": "cosine"}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--clusters", default="1000", help="a number, or 'knee'")
    parser.add_argument("--grid", type=int, nargs="+", default=[5, 10, 50, 100, 500, 1000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    encoder = Dense(f"ngrams:3-5,buckets=64,width={options.dimension},seed=0")
    clusters = options.clusters if options.clusters == "knee" else int(options.clusters)
    selection = Selection(options.n, encoder, clusters=clusters, grid=tuple(options.grid))
    docs = make_docs(options.docs)
    leaf = Node.leaf("texts", docs.digest, f"{options.docs:,} documents")
    node = selection.compile_node(Sides(leaf, leaf))
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        store_vectors(store, node.get_input("vectors"), options.docs, options.dimension)
        runner = Runner(store, {leaf.address: docs}, Reporter())
        runner.get_value(node)
        rows = [
            {
                "computation": cost.node.label,
                "cpu_s": round(cost.cost["cpu_s"], 2),
                "taken_mib": round(cost.cost.get("memory", {}).get("taken", 0) / 2**20),
                "bytes": cost.cost.get("bytes"),
            }
            for cost in runner.list_costs(node)
        ]
    for row in rows:
        print(f"{row['cpu_s']:9.2f} s {row['taken_mib']:6,} MiB  {row['computation']}")
    if options.out is not None:
        options.out.write_text(json.dumps({"options": vars(options) | {"out": None}, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
