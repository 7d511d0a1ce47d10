"""What grows with the number of systems, queries or examples grows no faster than they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from growth import count_calls, measure_growth
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Scorer, option, stage
from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.flow.pairs import Pairs
from nirank.plan.memory import MemoryEstimator
from nirank.stages.bm25 import BM25
from nirank.store import LocalStore
from nirank.training.batches import Batches

SCORED: list[int] = []


@stage
class Remembering(Scorer):
    """Score pairs by their document's row, and note how many were asked for."""

    times: float = option(default=1.0)

    name = "remembering"
    uses_memo = True

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        SCORED.append(len(pairs))
        return np.asarray(self.times * pairs.rows, np.float32)


def make_collection() -> Collection:
    return Collection.of({"a": "red", "b": "blue red"}, {"q": "red"}, {"q": {"a": 1}}, name="few")


def make_systems(n: int, system: Callable[[int], Pipeline]) -> dict[str, Pipeline]:
    return {f"S{at}": system(at) for at in range(n)}


def make_pipeline(at: int) -> Pipeline:
    pipeline: Pipeline = BM25(k1=0.5 + at / 64) >> Remembering()
    return pipeline


@pytest.mark.parametrize(
    "system", [make_pipeline, lambda at: make_pipeline(at) >> Remembering(2.0)], ids=["one", "two in a row"]
)
def test_lists_of_one_scorer_ask_the_store_a_fixed_number_of_times_each(
    system: Callable[[int], Pipeline], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_finds = [0]
    original = LocalStore.find

    def find(self: LocalStore, node: Node) -> Any:
        n_finds[0] += 1
        return original(self, node)

    monkeypatch.setattr(LocalStore, "find", find)
    counts = []
    for n in (8, 32):
        n_finds[0] = 0
        SCORED.clear()
        result = Experiment(
            make_collection(), make_systems(n, system), ["RR"], store=LocalStore(tmp_path / str(n))
        ).run()
        assert not result.failed
        counts.append(n_finds[0])
    assert counts[1] < 4.2 * counts[0]
    assert len(SCORED) <= 2 * 32 + 2, "the lists of one scorer are scored in one pass; then each finds its own"


def test_a_plan_grows_with_its_systems(tmp_path: Path) -> None:
    def prepare(n: int) -> Callable[[], Any]:
        experiment = Experiment(make_collection(), make_systems(n, make_pipeline), ["RR"], store=LocalStore(tmp_path))
        return experiment.explain

    prepare(1)()
    assert measure_growth(prepare, 16) < 1.3


def make_chain(n: int) -> Node:
    node = Node.leaf("texts", "docs", "docs")
    for at in range(n):
        node = Node("t:f", 1, {"at": at}, (("need", node),))
    return node


def test_a_long_chain_is_addressed_and_walked_step_by_step() -> None:
    assert measure_growth(lambda n: lambda: len(list(make_chain(n).walk())), 2000) < 1.1
    assert len(list(make_chain(5000).walk())) == 5001, "longer than Python's stack is deep"


def test_inputs_that_are_shared_are_sized_once() -> None:
    def prepare(n: int) -> Callable[[], Any]:
        sides = (("queries", Node.leaf("texts", "q", "q")), ("docs", Node.leaf("texts", "d", "d")))
        texts = make_collection()
        node = Node("t:f", 1, inputs=sides, kind="ranking")
        for at in range(n):
            node = Node("t:f", 1, {"at": at}, (*sides, ("list", node), ("list", node)), kind="ranking")
        values = {"q": texts.queries, "d": texts.docs}
        return lambda: MemoryEstimator(lambda node: values.get(node.label)).find_sizes(node)

    assert measure_growth(prepare, 6) < 1.5, "each fuses the list below with itself"


@pytest.mark.parametrize("shared", ["positive", "query", "two positives", "both"])
def test_examples_that_share_a_text_are_not_tried_in_every_batch(shared: str) -> None:
    def prepare(n: int) -> Callable[[], Any]:
        distinct, equal = np.arange(n), np.zeros(n, np.int64)
        columns = {
            "positive": (distinct, equal),
            "query": (equal, distinct),
            "two positives": (distinct, distinct % 2),
            "both": (distinct % 3, distinct % 2),
        }[shared]
        return lambda: Batches(n, 8, 0, None, np.column_stack(columns)).draw_epoch(0)

    def prepare_unique(n: int) -> Callable[[], Any]:
        return lambda: Batches(n, 8, 0, None, np.column_stack((np.arange(n), np.arange(n)))).draw_epoch(0)

    assert count_calls(prepare(1024)) < 12 * count_calls(prepare_unique(1024))
    assert measure_growth(prepare, 512) < 1.2


def test_a_union_of_many_lists_is_sorted_once() -> None:
    def prepare(n: int) -> Callable[[], Any]:
        texts = make_collection()
        lists = [Pairs.build(texts.queries.ids, texts.docs.ids, [0], [at % 2], source="t") for at in range(n)]
        return lambda: lists[0].union(*lists[1:])

    assert measure_growth(prepare, 16) < 1.1
