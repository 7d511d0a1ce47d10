"""Plans: what pipelines compute, that it is computed once, and that a change recomputes just what depends on it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toys
from toys import CALLS, First, Halves, Lookup, Say, Shared, Short, Topper, make_fruits

from nirank.algebra.application import fold, rewrite, within
from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, Scorer, stage
from nirank.base.identity import SEED, to_canonical_json
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.plan.compile import compile_pipeline
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.explain import describe_plan, list_planned_nodes
from nirank.plan.reporter import Reporter
from nirank.store import LocalStore


class Lab:
    """A store, a collection, and one way to run pipelines on them."""

    def __init__(self, root: Path) -> None:
        self.store = LocalStore(root)
        self.leaves: dict[str, Any] = {}

    def leaf(self, kind: Any, content: str, value: Any) -> Node:
        self.leaves[content] = value
        return Node.leaf(kind, content, kind)

    def sides(self, collection: Collection, **options: Any) -> Sides:
        queries, docs = collection.queries, collection.docs
        judged = next(iter(collection.qrels.values()))
        return Sides(
            self.leaf("texts", queries.digest, queries),
            self.leaf("texts", docs.digest, docs),
            judgements=self.leaf("judgements", judged.digest, judged),
            **options,
        )

    def runner(self) -> Runner:
        return Runner(self.store, self.leaves, Reporter())

    def run(self, pipeline: Pipeline, collection: Collection | None = None, **options: Any) -> Any:
        CALLS.clear()
        collection = collection or make_fruits()
        return self.runner().get_value(compile_pipeline(pipeline, self.sides(collection, **options)))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "store")


FULL_LISTS = {"q1": ["b", "a"], "q2": ["d", "c"], "q3": []}


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        (Shared(), FULL_LISTS),
        (Shared(k=1), {"q1": ["b"], "q2": ["d"], "q3": []}),
        (Shared() >> Lookup({"a": 1.0, "c": 1.0}), {"q1": ["a", "b"], "q2": ["c", "d"], "q3": []}),
        (First().of(Shared(), Shared(1.0)), FULL_LISTS),
        (within(Short(), Shared()), {"q1": ["a"], "q2": ["c"], "q3": []}),
        (within(Short(), within(Shared(k=1), Shared(1.0))), {"q1": ["a"], "q2": ["c"], "q3": []}),
        (within(Short(), Shared(k=2) >> Shared(1.0)), {"q1": ["a"], "q2": ["c"], "q3": []}),
        (within(Short(words=0), Shared()), {"q1": [], "q2": [], "q3": []}),
        (Shared() >> within(Short(), Lookup({"a": 1.0})), {"q1": ["a"], "q2": ["c"], "q3": []}),
        (Shared() >> within(Short(words=0), Lookup({})), {"q1": [], "q2": [], "q3": []}),
        (within(Shared(k=1), Shared(1.0)), {"q1": ["b"], "q2": ["d"], "q3": []}),
        (Shared(k=1) >> Shared(1.0), {"q1": ["b"], "q2": ["d"], "q3": []}),
        (rewrite(Say("pear"), Shared()), {"q1": ["c"], "q2": ["c"], "q3": ["c"]}),
        (rewrite(Say(""), Shared()), {"q1": [], "q2": [], "q3": []}),
        (rewrite(Shared() >> Topper(), Shared()), FULL_LISTS),
        (rewrite(Say("pear") >> Say("wine"), Shared()), {"q1": ["b"], "q2": ["b"], "q3": ["b"]}),
        (fold(Halves(), Shared()), FULL_LISTS),
        (within(Short(), fold(Halves(), Shared())), {"q1": ["a"], "q2": ["c"], "q3": []}),
        (Shared() >> fold(Halves(), Lookup({"a#0": 3.0, "c#1": 2.0})), {"q1": ["a", "b"], "q2": ["c", "d"], "q3": []}),
        (rewrite(Say("pear"), within(Short(), Shared())), {"q1": ["c"], "q2": ["c"], "q3": ["c"]}),
    ],
    ids=repr,
)
def test_pipelines_compute_what_they_say(lab: Lab, pipeline: Pipeline, expected: dict[str, list[str]]) -> None:
    assert Pairs.to_dict(lab.run(pipeline)) == expected


def test_behind_rewrite_the_declared_query_is_back(lab: Lab) -> None:
    pipeline = rewrite(Say("pear"), Shared()) >> Shared(1.0)
    assert Pairs.to_dict(lab.run(pipeline)) == {"q1": [], "q2": ["c"], "q3": []}


@pytest.mark.parametrize(
    ("keep", "expected"),
    [("max", {"b": 2.0, "a": 1.0}), ("first", {"b": 2.0, "a": 1.0}), ("mean", {"b": 1.5, "a": 1.0})],
)
def test_fold_keeps_what_it_says(lab: Lab, keep: Any, expected: dict[str, float]) -> None:
    docs = {"a": "red x apple y", "b": "red apple apple z"}
    collection = Collection.of(docs, {"q": "red apple"}, {"q": {"a": 1}})
    rankings = lab.run(fold(Halves(), Shared(), keep=keep), collection)
    assert rankings.to_dict() == {"q": expected}


def test_fold_takes_out_the_own_document_and_states_a_certain_depth(lab: Lab) -> None:
    collection = make_fruits()
    scope = Scope(collection.queries.ids, collection.docs.ids, own_rows=np.array([0, -1, -1]))
    node = lab.leaf("scope", "own", scope)
    assert Pairs.to_dict(lab.run(fold(Halves(), Shared()), collection, scope=(node,)))["q1"] == ["b"]
    cut = lab.run(fold(Halves(), Shared(k=2)), collection)
    assert cut.depth == 1  # q1's two best parts are a's and b's, or both of one document's: one document is certain


def test_several_scopes_must_all_hold(lab: Lab) -> None:
    collection = make_fruits()
    pairs = Pairs.from_ids(collection.queries.ids, collection.docs.ids, {"q1": ["a", "b"], "q2": ["d"]}, source="test")
    nodes = (
        lab.leaf("pairs", "listed", pairs),
        lab.leaf("scope", "own", Scope(collection.queries.ids, collection.docs.ids)),
    )
    assert Pairs.to_dict(lab.run(Shared(), collection, scope=nodes)) == {"q1": ["b", "a"], "q2": ["d"], "q3": []}
    assert Pairs.to_dict(lab.run(within(Short(), Shared()), collection, scope=nodes)) == {
        "q1": ["a"],
        "q2": [],
        "q3": [],
    }


def test_scoped_search_equals_the_masked_ranking(lab: Lab) -> None:
    full_ranking, scoped = lab.run(Shared()), lab.run(within(Short(), Shared()))
    short = np.array([len(text.split()) <= 2 for text in make_fruits().docs.columns["text"].to_pylist()])
    assert scoped == full_ranking.select(short[full_ranking.rows])


@pytest.mark.parametrize(
    "pipeline", [Shared(), Shared() >> Lookup({}), fold(Halves(), Shared()), within(Short(), Shared())]
)
def test_no_queries_and_no_documents_pass_through(lab: Lab, pipeline: Pipeline) -> None:
    for docs, queries in (({}, {"q": "red"}), ({"a": "red"}, {}), ({}, {})):
        collection = Collection.of(docs, queries, {}, name="empty", check=False)
        assert len(lab.run(pipeline, collection)) == 0


def test_trap_28_the_tail_keeps_its_old_order_below_the_head(lab: Lab) -> None:
    collection = Collection.of({"a": "x x", "b": "x", "c": "x"}, {"q": "x"}, {"q": {"c": 1}})
    table = {"a": 0.1, "b": 0.9, "c": 99.0}
    ranking = lab.run(Lookup_ranking({"a": 3.0, "b": 2.0, "c": 1.0}) >> Lookup(table, depth=2), collection)
    assert Pairs.to_dict(ranking) == {"q": ["b", "a", "c"]}
    assert Ranking.from_dict(ranking.to_dict(), ranking.queries, ranking.docs).rows.tolist() == ranking.rows.tolist()


@stage
class Lookup_ranking(Retriever):  # noqa: N801
    """Rank by a table."""

    scores: dict[str, float] = dataclasses.field(default_factory=dict)

    name = "lookup_ranking"

    def search(self, queries: Any, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        return Ranking.from_dict({query: dict(self.scores) for query in queries.ids}, queries.ids, scope.docs)


@pytest.mark.parametrize("magnitude", [1e-6, 1.0, 1e6, 1e12])
def test_the_tail_never_ties_whatever_the_size_of_scores(lab: Lab, magnitude: float) -> None:
    docs = {f"d{i:03}": "x" for i in range(300)}
    collection = Collection.of(docs, {"q": "x"}, {"q": {"d000": 1}})
    head = dict.fromkeys(docs, magnitude)
    ranking = lab.run(
        Lookup_ranking({doc: float(300 - i) for i, doc in enumerate(docs)}) >> Lookup(head, depth=5), collection
    )
    assert Pairs.to_dict(ranking)["q"][5:] == list(docs)[5:]
    assert (np.diff(ranking.scores[4:].astype(float)) < 0).all()


# -- every computation once ------------------------------------------------------------------------


def test_equal_stages_in_two_systems_are_computed_once(lab: Lab) -> None:
    sides = lab.sides(make_fruits())
    nodes = [
        compile_pipeline(p, sides)
        for p in (Shared(), Shared() >> Lookup({"a": 1.0}), First().of(Shared(), Shared(1.0)))
    ]
    CALLS.clear()
    runner = lab.runner()
    runner.plan(nodes)
    for node in nodes:
        runner.get_value(node)
    assert sorted(CALLS) == ["combine", "index", "score", "search", "search"]


def test_one_search_at_the_greatest_depth_serves_all(lab: Lab) -> None:
    sides = lab.sides(make_fruits())
    nodes = [compile_pipeline(Shared(k=k), sides) for k in (1, 3, 2)]
    CALLS.clear()
    runner = lab.runner()
    runner.plan(nodes)
    rankings = [runner.get_value(node) for node in nodes]
    assert CALLS.count("search") == 1
    assert [collection.depth for collection in rankings] == [1, 3, 2]
    assert lab.run(Shared(k=2)) == rankings[2]
    assert CALLS == []
    other_lab = Lab(lab.store.root.parent / "other")
    assert other_lab.run(Shared(k=1)) == rankings[0]


def test_a_deeper_list_in_front_is_another_computation(lab: Lab) -> None:
    sides = lab.sides(make_fruits())
    assert compile_pipeline(Shared(k=1), sides).address == compile_pipeline(Shared(k=2), sides).address
    addresses = [compile_pipeline(Shared(k=k) >> Lookup({}), sides).address for k in (1, 2)]
    assert addresses[0] != addresses[1]


def test_trap_39_results_are_found_by_what_they_are_never_by_name(lab: Lab) -> None:
    first = lab.run(Shared())
    second = lab.run(Shared(1.0))
    assert CALLS == ["search"]  # the index does not depend on the bonus
    assert second.scores.tolist() == (first.scores + 1).tolist()
    assert lab.run(Shared(1.0)) == second
    assert CALLS == []


def test_trap_40_every_change_is_a_miss_and_no_change_a_hit(lab: Lab) -> None:
    lab.run(Shared() >> Lookup({"a": 1.0}))
    assert lab.run(Shared() >> Lookup({"a": 1.0})) is not None
    assert CALLS == []
    lab.run(Shared() >> Lookup({"a": 2.0}))
    assert CALLS == ["score"]
    lab.run(Shared(1.0) >> Lookup({"a": 1.0}))
    assert CALLS == ["search", "score"]
    collection = Collection.of({"a": "red apple?", "b": "x"}, {"q1": "red apple"}, {"q1": {"a": 1}})
    lab.run(Shared() >> Lookup({"a": 1.0}), collection)
    assert CALLS == ["index", "search", "score"]
    other_query = Collection.of({"a": "red apple?", "b": "x"}, {"q1": "red apples"}, {"q1": {"a": 1}})
    lab.run(Shared() >> Lookup({"a": 1.0}), other_query)
    assert CALLS == ["search", "score"]


def test_an_input_that_changed_makes_its_dependents_stale(lab: Lab) -> None:
    sides = lab.sides(make_fruits())
    target = compile_pipeline(Shared() >> Lookup({"a": 1.0}), sides)
    lab.runner().get_value(target)
    search = target.get_input("list")
    lab.store.discard_artifacts(search)
    CALLS.clear()
    lab.runner().get_value(target)
    assert CALLS == []  # an input that is gone is believed
    meta = {"inputs": [], "cost": {}, "counts": {}, "declared": {}, "whole": True}
    other_ranking = Ranking.from_dict({"q1": {"c": 1.0}}, make_fruits().queries.ids, make_fruits().docs.ids)
    index = search.get_input("need")
    meta["inputs"] = [
        {"checksum": collection.address if collection.is_leaf else next(iter(lab.store.read_checksums(index)))}
        for _, collection in search.inputs
    ]
    with lab.store.commit(search, meta) as folder:
        other_ranking.save(folder)
    CALLS.clear()
    assert Pairs.to_dict(lab.runner().get_value(target)) == {"q1": ["c"], "q2": [], "q3": []}
    assert CALLS == ["score"]


def test_addresses_are_what_they_were() -> None:
    """Rule (a) to (f): these can never change, or every store in the world is void."""
    leaf = Node.leaf("texts", "0" * 32, "documents")
    index = Node("module:function", 1, {"k1": 0.9, "stem": True}, (("texts", leaf),))
    assert leaf.address == "0" * 32
    assert index.address == "71155971978bb69e3c8e335399b32918"
    scored = Node("module:other", 2, {}, (("need", index), ("list", dataclasses.replace(index, depth=10))))
    assert scored.address == "81833dfa1af2e252c0b66b22689c767f"


def test_identity_leaves_out_defaults_and_what_cannot_matter(lab: Lab) -> None:
    sides = lab.sides(make_fruits())
    named = dataclasses.replace(sides, collection="another name", split="dev")
    assert compile_pipeline(Shared(), sides).address == compile_pipeline(Shared(bonus=0), named).address
    assert Shared().describe_identity()["options"] == {}
    assert to_canonical_json({"k1": 1.0, "b": [1, 2.5, None]}) == to_canonical_json({"b": (1.0, 2.5, None), "k1": 1})


def test_what_depends_on_a_seed_has_no_address_without_one() -> None:
    with pytest.raises(ValueError, match="SEED must be substituted"):
        to_canonical_json({"seed": SEED, "rate": 0.1, "folds": []})


# -- stages that break their contract --------------------------------------------------------------


def make_pairs(queries: Any, scope: Scope, scores: list[float], docs: list[int]) -> Ranking:
    q = np.zeros(len(docs), int)
    return Ranking.build(queries.ids, scope.docs, q, np.array(docs), np.array(scores), source="broken")


@stage
class Leaving(Retriever):
    """Return a document that the scope does not allow."""

    name = "leaving"

    def search(self, queries: Any, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        return make_pairs(queries, scope, [1.0], [3])


@stage
class Unranked(Retriever):
    """Return pairs where a ranking is promised."""

    name = "unranked"

    def search(self, queries: Any, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        return Pairs(queries.ids, scope.docs, np.zeros(len(queries) + 1), np.empty(0, int))


@stage
class Nan(Scorer):
    """Score NaN."""

    name = "nan"

    def score(self, pairs: Pairs, ctx: Context) -> Any:
        return np.full(len(pairs), np.nan)


@stage
class TooFew(Scorer):
    """Give one score whatever comes."""

    name = "too_few"

    def score(self, pairs: Pairs, ctx: Context) -> Any:
        return np.zeros(1)


@stage
class Peeking(Scorer):
    """Read a judgement without having said so."""

    name = "peeking"

    def score(self, pairs: Pairs, ctx: Context) -> Any:
        return np.array([ctx.read_grade(q, d) for q, d in zip(pairs.query_rows, pairs.rows, strict=True)], float)


@stage
class Reading(Peeking):
    """Read judgements, and say so."""

    name = "reading"
    reads = frozenset({"judgements"})

    def score(self, pairs: Pairs, ctx: Context) -> Any:
        return np.array([ctx.read_grade(q, d) or 0 for q, d in zip(pairs.query_rows, pairs.rows, strict=True)], float)


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        (within(Short(), Leaving()), ["leaving", "q1", "'d'", "outside its scope"]),
        (Unranked(), ["unranked", "expected a Ranking"]),
        (Shared() >> Nan(), ["nan", "q1", "'b'", "finite"]),
        (Shared() >> TooFew(), ["too_few", "(1,)", "expected (4,)"]),
        (Shared() >> Peeking(), ["Peeking", "reads = {'judgements'}"]),
    ],
    ids=repr,
)
def test_a_broken_stage_is_named_with_what_it_did(lab: Lab, pipeline: Pipeline, words: list[str]) -> None:
    with pytest.raises(FailedNode) as failure:
        lab.run(pipeline)
    for word in words:
        assert word in str(failure.value)
    with pytest.raises(FailedNode):
        lab.run(pipeline)  # nothing half-made was kept


def test_judgements_are_handed_out_one_by_one_and_counted(lab: Lab) -> None:
    node = compile_pipeline(Shared() >> Reading(), lab.sides(make_fruits()))
    runner = lab.runner()
    assert Pairs.to_dict(runner.get_value(node)) == {"q1": ["a", "b"], "q2": ["c", "d"], "q3": []}
    stored = runner.run(node)
    assert stored is not None
    assert stored.meta["counts"] == {"judgements_read": 4}


def test_judgements_speak_of_whole_documents_so_nothing_inside_a_fold_reads_them(lab: Lab) -> None:
    for inner in (
        Shared() >> Reading(),
        First().of(Shared(), Shared() >> Reading()),
        within(Short(), Shared() >> Reading()),
    ):
        with pytest.raises(ConfigError, match=r"fold: Reading\(\) reads judgements, which speak of whole documents"):
            fold(Halves(), inner)
    behind = lab.run(fold(Halves(), Shared()) >> Reading())
    assert Pairs.to_dict(behind) == {"q1": ["a", "b"], "q2": ["c", "d"], "q3": []}
    unjudged = dataclasses.replace(lab.sides(make_fruits()), judgements=None)
    with pytest.raises(ConfigError, match=r"Reading\(\) reads judgements, and the collection has none"):
        compile_pipeline(Shared() >> Reading(), unjudged)


def test_what_failed_fails_only_what_needs_it(lab: Lab) -> None:
    sides = lab.sides(make_fruits())
    failing, sound = compile_pipeline(Shared() >> Nan(), sides), compile_pipeline(Shared() >> Lookup({}), sides)
    behind_failing = compile_pipeline(Shared() >> Nan() >> Lookup({}), sides)
    runner = lab.runner()
    for node in (failing, behind_failing):
        with pytest.raises(FailedNode, match="nan"):
            runner.get_value(node)
    assert len(runner.get_value(sound)) == 4


def test_explain_says_what_is_stored_and_shared(lab: Lab) -> None:
    sides = lab.sides(make_fruits())
    named = [("One", compile_pipeline(Shared(), sides)), ("Two", compile_pipeline(Shared() >> Lookup({}), sides))]

    def explain() -> str:
        return describe_plan(list_planned_nodes(named, lab.store, lambda node: lab.leaves.get(node.address)))

    first = explain()
    assert "3 computations (5 if nothing were shared): 0 stored, 3 to compute" in first
    assert "[One, Two]" in first
    lab.run(Shared())
    assert "2 stored, 1 to compute" in explain()
    assert toys.CALLS == ["index", "search"]


def test_short_lists_are_counted_and_never_padded(lab: Lab) -> None:
    node = compile_pipeline(Shared(k=3), lab.sides(make_fruits()))
    runner = lab.runner()
    assert runner.get_value(node).counts.tolist() == [2, 2, 0]
    stored = runner.run(node)
    assert stored is not None
    assert stored.meta["counts"]["short_lists"] == 3
