"""What computations cost: recorded, summed up as if each system stood alone, estimated before and told after."""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import CALLS, Learned, Lookup, Shared, make_fruits

from nirank.algebra.context import Context
from nirank.algebra.node import Node, StoredArtifact
from nirank.algebra.stage import Scorer, stage
from nirank.base.loading import count_loading, loading_seconds
from nirank.base.memo import hash_texts
from nirank.collections.texts import Texts
from nirank.experiment.experiment import Experiment
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.inference import device
from nirank.plan.costs import (
    NodeCost,
    compute_device_seconds_alone,
    compute_seconds_alone,
    find_answering_nodes,
    format_seconds,
    sum_costs,
    sum_counts,
)
from nirank.plan.estimate import PastCosts, estimate_items
from nirank.store import LocalStore


def make_cost(name: str, wall: float, *, offline: bool = False, now: bool = True, **options: Any) -> NodeCost:
    cost = {"wall_s": wall, "cpu_s": wall, "bytes": 10, "pairs": 4, "items": 2, "machine": "here", **options}
    node = Node(name, 1, offline=offline, stage=options.pop("stage", None))
    return NodeCost(node, StoredArtifact(Path(), {"cost": cost}), cost, now)


def test_a_system_costs_what_it_would_cost_alone() -> None:
    system_cost = sum_costs(
        [make_cost("index", 3.0, offline=True), make_cost("a", 1.0), make_cost("b", 0.5, found=7, found_s=2.5)], 8
    )
    assert system_cost.ms_per_query == pytest.approx(1000 * 4.0 / 8), "what memos spared is in it"
    assert (system_cost.index_s, system_cost.index_bytes, system_cost.remembered_s) == (3.0, 10, 2.5)
    assert system_cost.measured == "mixed", "a part was measured earlier"
    assert sum_costs([make_cost("a", 1.0, now=False)], 8).measured == "stored"
    assert sum_costs([make_cost("a", 1.0)], 8).measured == "now"
    assert sum_costs([], 0).ms_per_query is None


def test_each_model_counts_once_and_one_that_nobody_knows_makes_the_sum_unknown() -> None:
    system_cost = sum_costs(
        [
            make_cost("docs", 1.0, models={"m": 100}, device="cuda:0", device_s=0.5),
            make_cost("queries", 1.0, models={"m": 100}, device="cuda:0", device_s=0.25),
            make_cost("pairs", 1.0, models={"n": 7}, device="cpu", device_s=1.0),
            make_cost("fuse", 1.0, models={}, device="cpu", device_s=0.0),
        ],
        8,
    )
    assert (system_cost.parameters, system_cost.device_s, system_cost.devices) == (107, 1.75, ("cpu", "cuda:0"))
    plain = sum_costs([make_cost("bm25", 1.0, models={}, device="cpu", device_s=0.0)], 8)
    assert (plain.parameters, plain.device_s, plain.devices) == (0, 0.0, ("cpu",))
    assert (
        sum_costs([make_cost("llm", 1.0, models={"m": 1, "llm": None}, device="x", device_s=0.0)], 8).parameters is None
    )
    before = sum_costs([make_cost("a", 1.0), make_cost("b", 1.0, models={"m": 1}, device="cpu", device_s=1.0)], 8)
    assert (before.parameters, before.device_s) == (None, None), "what was stored before it was recorded"


def test_seconds_on_the_device_include_what_a_memo_spared() -> None:
    assert compute_device_seconds_alone({"wall_s": 1.0}) is None
    assert compute_device_seconds_alone({"device_s": 3.0}) == 3
    half = {"device_s": 1.0, "computed_s": 2.0, "found_s": 4.0}
    assert compute_device_seconds_alone(half) == 3, "half of the seconds were the device's"
    assert compute_device_seconds_alone({"device_s": 0.0, "found_s": 4.0}) == 4, "all at most"


def test_training_counts_apart_with_all_that_only_it_needs() -> None:
    index, training_list = Node("index", 1, offline=True), Node("mined", 1)
    teacher = Node("teacher", 1, training=True)
    model = Node("model", 1, inputs=(("list", training_list), ("need", index), ("need", teacher)), training=True)
    target = Node("search", 1, inputs=(("need", model), ("need", index)))
    assert find_answering_nodes(target) == {target, index}, "the index is needed to answer too"
    needed = find_answering_nodes(target)
    costs = {
        node: NodeCost(
            node,
            StoredArtifact(Path(), {"cost": cost, "counts": {"seen": 1}, "declared": {node.task: 1}}),
            cost,
            True,
            training=node not in needed,
        )
        for node, cost in (
            (
                node,
                {
                    "wall_s": wall,
                    "cpu_s": wall,
                    "bytes": 10,
                    "pairs": 4,
                    "items": 2,
                    "models": {wall: 1},
                    "device_s": wall,
                    "device": "cpu",
                    "peak_rss_bytes": wall,
                },
            )
            for node, wall in ((index, 1.0), (training_list, 20.0), (teacher, 300.0), (model, 4000.0), (target, 8.0))
        )
    }
    system_cost = sum_costs(costs.values(), 8)
    assert (system_cost.training_s, system_cost.ms_per_query, system_cost.index_s) == (4320.0, 1000.0, 1.0)
    assert (system_cost.device_s, system_cost.cpu_s, system_cost.index_bytes, system_cost.pairs) == (9.0, 9.0, 10, 8)
    assert (system_cost.parameters, system_cost.peak_bytes) == (2, 8.0)
    assert sum_costs([costs[index], costs[target]], 8).training_s is None
    counts, declared = sum_counts(costs.values())
    assert counts == {"seen": 2}, "what training counts is told by the training"
    assert set(declared[""]) == {"index", "teacher", "model", "search"}


def test_a_trained_system_shows_training_apart_and_times_nothing_of_it_again(tmp_path: Path) -> None:
    store, systems = LocalStore(tmp_path), {"Trained": Learned(), "Plain": Shared()}

    def run(**options: Any) -> tuple[Any, list[str]]:
        CALLS.clear()
        return Experiment(make_fruits(), systems, ["RR"], store=store).run(**options), list(CALLS)

    result, calls = run()
    assert calls == ["index", "search", "train", "apply"], "the list that it learns from is Plain's own"
    trained, plain = result.rows
    assert trained.cost.training_s > 0.05
    assert trained.cost.ms_per_query < 1000 * 0.05 / 3, "training is not the queries' cost"
    assert trained.cost.index_s == 0 < plain.cost.index_s, "only training reads the index"
    assert plain.cost.training_s is None
    assert [stage.stage for stage in trained.stages] == ["Learned()"], "what it learned from is no list of its own"
    timed, calls = run(time_again=True)
    assert calls == ["apply", "search"]
    assert timed.rows[0].cost.training_s == trained.cost.training_s
    tables = str(timed.table(details=True))  # costs beside ms/query stand in a table of their own
    assert "training s" in tables and "parameters" not in tables


def test_shared_nodes_count_for_every_system_and_once_for_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    systems = {"One": Shared(), "Two": Shared() >> Lookup({"a": 1.0})}
    with caplog.at_level(logging.DEBUG, "nirank"):
        result = Experiment(make_fruits(), systems, ["RR"], store=LocalStore(tmp_path)).run()
    first, second = (row.cost for row in result.rows)
    assert first.index_s == second.index_s > 0
    assert second.ms_per_query > first.ms_per_query > 0
    assert (first.pairs_scored, second.pairs_scored) == (0, 4)
    assert first.measured == "now"
    costs = caplog.text
    assert re.search(r"computed  [0-9a-f]{12}  lengths  [\d.]+ m?s  \[One, Two\]", costs)
    assert "3 of 3 computations in" in costs


def test_estimates_come_from_what_such_work_took_and_are_told_against_the_truth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, pipeline = LocalStore(tmp_path), Shared() >> Lookup({"a": 1.0})
    first = Experiment(make_fruits(), {"S": pipeline}, ["RR"], store=store)
    assert "about" not in first.explain() and first.explain().count("no rate yet") == 3
    first.run()
    assert "stored" in first.explain() and "when it was computed" in first.explain()
    rescored = Shared(2.0) >> Lookup({"a": 1.0})
    text = Experiment(make_fruits(), {"S": rescored, "T": rescored % 2}, ["RR"], store=store).explain()
    assert re.search(
        r"compute  [0-9a-f]{12}  Shared\(2.0\) to depth 1000  about [\d.]+ m?s, [\d.]+ [MG]B  \[S, T\]", text
    )
    assert re.search(
        r"to compute; at most about [\d.]+ m?s, where each system alone would take [\d.]+ m?s together", text
    )
    with caplog.at_level(logging.INFO, "nirank"):
        Experiment(make_fruits(), {"S": rescored}, ["RR"], store=store).run()
    assert re.search(r"2 of 3 computations in .*; estimated [\d.]+ m?s for what took [\d.]+ m?s", caplog.text)


def test_a_rate_is_of_the_same_options_else_of_the_same_stage() -> None:
    def make_meta(wall_s: float, items: int, params: Any, machine: str | None = None) -> dict[str, Any]:
        import platform

        cost = {"wall_s": wall_s, "items": items, "machine": machine or platform.node(), "found_s": 1.0}
        return {"task": "t:f", "params": params, "cost": cost}

    stage = {"stage": {"stage": "shared", "options": {}}}
    other_options = {"stage": {"stage": "shared", "options": {"bonus": 1}}}
    past = PastCosts(
        [
            make_meta(9, 10, stage),
            make_meta(19, 10, other_options),
            make_meta(99, 1, stage, "another machine"),
            {"task": "t", "params": {}},
        ]
    )
    texts = Node.leaf("texts", "x", "x")

    def estimate_seconds(params: Any, task: str = "t:f") -> float | None:
        return past.estimate_seconds(Node(task, 1, params, (("texts", texts),)), lambda node: 100)

    assert estimate_seconds(stage) == pytest.approx(100)
    assert estimate_seconds(other_options) == pytest.approx(200)
    assert estimate_seconds({"stage": {"stage": "shared", "options": {"bonus": 2}}}) == pytest.approx(150)
    assert estimate_seconds(stage, "t:g") is None
    assert past.estimate_seconds(Node("t:f", 1, stage, (("texts", texts),)), lambda node: None) is None


def test_what_a_scorer_will_read_is_bounded_by_list_depth_and_documents() -> None:
    queries, docs = Node.leaf("texts", "q", "q"), Node.leaf("texts", "d", "d")
    size = {queries: 5, docs: 30}

    def count_planned(depth: int | None, scorer_depth: int) -> int | None:
        system_cost = Node("t:list", 1, depth=depth)
        node = Node(
            "t:score",
            1,
            {},
            (("queries", queries), ("docs", docs), ("list", system_cost)),
            stage=Lookup({}, depth=scorer_depth),
        )
        return estimate_items(node, lambda first: size.get(first))

    assert [count_planned(10, 100), count_planned(None, 20), count_planned(None, 100), count_planned(100, 100)] == [
        50,
        100,
        150,
        150,
    ]


@stage
class Counting(Scorer):
    """Score 1, and keep in a memo that it was done."""

    name = "counting"

    def score(self, pairs: Pairs, ctx: Context) -> Any:
        memo = ctx.open_memo({"counting": 1}, np.dtype("<f4"))
        if not memo.get(hash_texts(["done"]))[0].all():
            CALLS.append("score")
            memo.put(hash_texts(["done"]), np.ones(1, "<f4"), 1.0)
        return np.ones(len(pairs), np.float32)


def test_time_measures_online_work_again_and_indexes_not(tmp_path: Path) -> None:
    store, systems = LocalStore(tmp_path), {"S": Shared() >> Counting()}

    def run(**options: Any) -> tuple[Any, list[str]]:
        CALLS.clear()
        return Experiment(make_fruits(), systems, ["RR"], store=store).run(**options), list(CALLS)

    first, calls = run()
    assert calls == ["index", "search", "score"]
    second, calls = run()
    assert (calls, second.rows[0].cost.measured) == ([], "stored")
    timed, calls = run(time_again=True)
    assert calls == ["search", "score"]
    assert timed.rows[0].cost.measured == "mixed"  # the index is from before
    assert timed.rows[0].cost.ms_per_query != second.rows[0].cost.ms_per_query
    assert timed.rows[0].cost.index_s == second.rows[0].cost.index_s
    assert timed.ranking("S") == first.ranking("S")
    assert run()[0].rows[0].cost == second.rows[0].cost, "what is stored says what it said"
    _, calls = run(time_again=True)
    assert calls == ["search", "score"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "40 ms"), (9.94, "9.9 s"), (59, "59 s"), (61, "1 min 1 s"), (7300, "2 h 1 min")]
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert format_seconds(seconds) == words


def test_the_seconds_alone_include_what_a_memo_spared() -> None:
    assert compute_seconds_alone({"wall_s": 1, "found_s": 2}) == 3
    assert compute_seconds_alone({"wall_s": 1}) == 1


@stage
class SlowToLoad(Shared):
    """Loads something before it answers."""

    name = "slow_to_load"

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        with count_loading(), count_loading():
            time.sleep(0.3)
        return super().search(queries, scope, k, ctx)


def test_loading_is_no_cost_of_a_query_but_a_figure_of_its_own(tmp_path: Path) -> None:
    (row,) = Experiment(make_fruits(), {"S": SlowToLoad()}, ["RR"], store=LocalStore(tmp_path)).run().rows
    assert row.cost.loading_s is not None and row.cost.ms_per_query is not None
    assert 0.3 <= row.cost.loading_s < 0.6, "a block inside another counts once"
    assert row.cost.ms_per_query < 100, "of three queries, loading would be 100 ms each"
    assert sum_costs([make_cost("a", 1.0), make_cost("b", 0.5, loading_s=0.25)], 8).loading_s is None, (
        "a was not recorded"
    )
    costs = sum_costs([make_cost("a", 1.0, loading_s=0.5), make_cost("index", 3.0, offline=True, loading_s=1.0)], 8)
    assert (costs.ms_per_query, costs.loading_s, costs.index_s) == (1000 * 0.5 / 8, 0.5, 3.0)


def test_models_count_as_loading_when_they_are_loaded_and_not_when_they_are_kept() -> None:
    @device.cache_models
    def load_slowly(name: str) -> str:
        time.sleep(0.1)
        return name

    before = loading_seconds()
    assert load_slowly("m") == "m"
    loaded = loading_seconds()
    assert load_slowly("m") == "m"
    assert loaded - before >= 0.1 > loading_seconds() - loaded
