"""Trap 42: how many pairs a blocking stage makes at most, known before it runs; what it makes and takes stays below."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever
from nirank.base.memory import MIB, Sizes
from nirank.collections.collection import Collection
from nirank.flow.scope import Scope
from nirank.plan.compile import compile_pipeline
from nirank.plan.memory import MemoryEstimator
from nirank.stages._blocking import limit_bucket_pairs
from nirank.stages.minhash import MinHash
from nirank.stages.same import Same
from nirank.stages.sorted_neighbourhood import SortedNeighbourhood
from nirank.stages.token_blocking import TokenBlocking

BOUNDED = [
    MinHash(tables=3, functions=1, shingles="words", n=1, max_block=40),
    MinHash(tables=2, functions=1, shingles="words", n=1, max_block=9),
    Same(("text",), max_block=25),
    SortedNeighbourhood(window=4),
    TokenBlocking(smoothing=None, ratio=None, max_block=30),
    TokenBlocking(words="qgrams", smoothing=None, ratio=None, max_block=30),
]


def make_records(n_docs: int, n_queries: int, distinct: int) -> Collection:
    """Records of few distinct texts, so that blocks are as full as they may be."""
    random = np.random.default_rng(1)
    texts = [f"w{at % 5} v{at}" for at in range(distinct)]
    docs = {f"d{at}": texts[int(random.integers(distinct))] for at in range(n_docs)}
    queries = {f"q{at}": texts[int(random.integers(distinct))] for at in range(n_queries)}
    return Collection.of(docs, queries, name="records")


def measure_pairs(blocker: Retriever, records: Collection) -> tuple[int, int, int]:
    """Return how many pairs a stage makes, how many the plan expects at most, and the bytes that it expects."""
    leaves = {"queries": records.queries, "docs": records.docs}
    nodes = {name: Node.leaf("texts", name, name) for name in leaves}
    node = compile_pipeline(blocker, Sides(nodes["queries"], nodes["docs"]))
    estimator = MemoryEstimator(lambda leaf: leaves.get(leaf.label) if leaf.is_leaf else None)
    sizes, expected = estimator.find_sizes(node), estimator.estimate(node)
    assert sizes is not None and expected is not None
    scope = Scope(records.queries.ids, records.docs.ids)
    pairs = blocker.search(records.queries, scope, None, Context(queries=records.queries, docs=records.docs))
    return len(pairs), sizes.result_pairs, expected


@pytest.mark.parametrize("blocker", BOUNDED, ids=repr)
@pytest.mark.parametrize(
    ("n_docs", "n_queries", "distinct"), [(300, 200, 12), (60, 400, 40), (5, 5, 1), (200, 200, 150)]
)
def test_a_bound_on_pairs_holds(blocker: Retriever, n_docs: int, n_queries: int, distinct: int) -> None:
    n_pairs, expected, _ = measure_pairs(blocker, make_records(n_docs, n_queries, distinct))
    assert n_pairs <= expected <= n_docs * n_queries


def test_a_bound_is_reached_and_grows_with_the_tables_not_with_their_product() -> None:
    n_pairs, expected, _ = measure_pairs(
        Same(("text",), max_block=2), Collection.of({"d": "x"}, {"q": "x"}, name="one")
    )
    assert n_pairs == expected == 1
    small, large = (Sizes(queries=n, docs=n) for n in (10_000, 100_000))
    for blocker in (MinHash(max_block=10), Same(("text",)), SortedNeighbourhood()):
        bound_of_small, bound_of_large = blocker.estimate_pairs(small), blocker.estimate_pairs(large)
        assert bound_of_large == 10 * bound_of_small < 100_000**2 / 8
    assert limit_bucket_pairs(small, 1, 1, None) == 10**8, "without max_block one bucket may hold all"


@pytest.mark.parametrize("blocker", BOUNDED[2:5], ids=repr)
def test_what_a_blocker_takes_stays_below_what_the_plan_expects(blocker: Any) -> None:
    records = make_records(20_000, 20_000, 4_000)
    tracemalloc.start()
    n_pairs, _, expected = measure_pairs(blocker, records)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_pairs > 20_000
    assert peak < expected < 64 * 20_000 * 20_000 / 8, (peak / MIB, expected / MIB)
