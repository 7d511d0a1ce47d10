"""How many topics of a collection selections reach: by clusters, the nearest to centroids, and at random.

    python experiments/synthesis/topic_coverage.py COLLECTION --topic document --model MODEL -n 40

A topic is the value of a metadata key. Beside the topics, how alike the chosen documents are: the mean cosine of each
with the most similar other one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from nirank import Dense, Selection, Texts, open_store, sample_documents
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.experiment.sampling import load_docs
from nirank.inference.encoder import read_vectors
from nirank.plan.execute import Runner
from nirank.plan.reporter import Reporter

SEEDS, RANDOM_SEEDS = 5, 100


def list_selections(n: int, encoder: Dense, least: int) -> Iterator[tuple[str, Selection]]:
    """Yield what is compared, each with a name."""
    common = {"n": n, "encoder": encoder, "min_characters": least}
    few = max(n // 4, 1)
    yield "random", Selection(by="random", **common)
    yield f"top, K = {n}", Selection(by="top", clusters=n, **common)
    for temperature in (1.0, 0.1, 0.02):
        yield f"clusters, K = {n}, T = {temperature}", Selection(clusters=n, temperature=temperature, **common)
    yield f"clusters, K = {n}, one draw", Selection(clusters=n, draws=1, **common)
    for k in (few, 1):
        for weight in (1.0, 0.7, 0.5, 0.3, 0.0):
            yield f"clusters, K = {k}, lambda = {weight}", Selection(clusters=k, mmr_lambda=weight, **common)
        yield f"top, K = {k}", Selection(by="top", clusters=k, **common)


def open_vectors(docs: Texts, encoder: Dense) -> np.ndarray:
    """Return the documents' vectors, of unit length."""
    leaf = Node.leaf("texts", docs.digest, "documents")
    node = encoder.plan_inputs(Sides(leaf, leaf))[0]
    vectors = np.array(read_vectors(Runner(open_store(), {leaf.address: docs}, Reporter()).get_value(node))[0])
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("-n", type=int, default=50)
    parser.add_argument("--min-characters", type=int, default=300)
    options = parser.parse_args()
    docs = load_docs(options.collection, open_store())
    encoder = Dense(options.model)
    values = list(docs.read_metadata(options.topic))
    topics = np.unique(np.array([str(value) for value in values]), return_inverse=True)[1]
    vectors = open_vectors(docs, encoder)
    print(f"{len(docs):,} documents, {len(np.unique(topics))} topics")
    for name, selection in list_selections(options.n, encoder, options.min_characters):
        hits, alike = [], []
        for seed in range(RANDOM_SEEDS if selection.by == "random" else 1 if selection.by == "top" else SEEDS):
            chosen = sample_documents(docs, Selection(**{**vars(selection), "seed": seed})).rows
            hits.append(len(np.unique(topics[chosen])))
            cosines = vectors[chosen] @ vectors[chosen].T - 2 * np.eye(len(chosen))
            alike.append(float(cosines.max(1).mean()))
        print(f"{name:32} topics {np.mean(hits):6.2f} ({min(hits)} to {max(hits)})  nearest other {np.mean(alike):.3f}")


if __name__ == "__main__":
    main()
