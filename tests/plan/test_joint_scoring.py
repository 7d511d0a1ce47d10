"""Which lists are scored in one pass, how large a list can become, and what is held after a computation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from toys import Lookup, Shared, make_fruits

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Scorer, option, stage
from nirank.base.memory import MIB
from nirank.experiment.experiment import Experiment
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.plan.compile import compile_pipeline
from nirank.plan.joint_scoring import JointScoring, union_heads
from nirank.plan.memory import MemoryEstimator
from nirank.stages.complete import Complete
from nirank.stages.cut import Cut
from nirank.stages.rm3 import RM3
from nirank.stages.rrf import rrf
from nirank.store import LocalStore


@stage
class Kept(Scorer):
    """Score by row; scores are remembered."""

    by: float = option(default=1.0)
    name = "kept"
    uses_memo = True

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        return np.asarray(self.by * pairs.rows, np.float32)


SIDES = Sides(Node.leaf("texts", "q", "queries"), Node.leaf("texts", "d", "docs"))


def make_node(pipeline: Pipeline, sides: Sides = SIDES) -> Node:
    return compile_pipeline(pipeline, sides)


def test_lists_of_one_scorer_are_taken_once_whatever_their_depth() -> None:
    first, second, deep = (
        make_node(Shared(bonus) >> Kept(depth=depth)) for bonus, depth in ((1.0, 5), (2.0, 5), (3.0, 9))
    )
    other_scorer, without_scores = make_node(Shared(1.0) >> Kept(2.0)), make_node(Shared(1.0) >> Lookup({}))
    other_documents = make_node(Shared(4.0) >> Kept(), Sides(SIDES.queries, Node.leaf("texts", "e", "other docs")))
    plan = JointScoring()
    for scorer in (first, second, deep, other_scorer, without_scores, other_documents):
        plan.add(scorer)
    assert plan.take(without_scores, lambda _: False) == [], "it keeps no scores"
    assert plan.take(first, lambda scorer: scorer == second) == [deep], "what is stored needs no score"
    assert plan.take(deep, lambda _: False) == [], "it was scored with the first"
    assert plan.take(second, lambda _: False) == [] == plan.take(first, lambda _: False)
    assert plan.take(other_scorer, lambda _: False) == [] == plan.take(other_documents, lambda _: False)


def test_a_list_that_needs_scores_itself_waits_for_them() -> None:
    first, second = make_node(Shared(1.0) >> Kept()), make_node(Shared(2.0) >> Kept(3.0) >> Kept())
    input_scorer = second.get_input("list")
    plan = JointScoring()
    for scorer in (first, second, input_scorer):
        plan.add(scorer)
    assert plan.take(first, lambda _: False) == []
    second_plan = JointScoring()
    for scorer in (first, second, input_scorer):
        second_plan.add(scorer)
    assert second_plan.take(first, lambda scorer: scorer == input_scorer) == [second]


def test_heads_are_cut_where_the_scorer_stops() -> None:
    first, second = make_node(Shared(1.0) >> Kept(depth=1)), make_node(Shared(2.0) >> Kept(depth=2))
    ranking = Ranking.from_dict({"q": {"a": 3.0, "b": 2.0, "c": 1.0}})
    reversed_ranking = Ranking.from_dict({"q": {"a": 1.0, "b": 2.0, "c": 3.0}}, ranking.queries, ranking.docs)
    assert union_heads([(first, ranking), (second, reversed_ranking)]).to_dict() == {"q": ["a", "b", "c"]}
    assert union_heads([(first, ranking), (first, reversed_ranking)]).to_dict() == {"q": ["a", "c"]}
    pairs = ranking.drop_scores()
    assert union_heads([(first, pairs)]).to_dict() == {"q": ["a", "b", "c"]}, "pairs have no order to be cut in"


@pytest.mark.parametrize(
    ("pipeline", "list_depth", "bound"),
    [
        (Shared(k=2) >> Complete(), 6, 12),
        (Shared(k=2) >> Cut(1), 6, 3),
        (Shared(k=2) >> Cut(9), 6, 6),
        (Shared(k=2) >> RM3(k=3), 6, 9),
        (rrf(Shared(k=1), Shared(1.0, k=2)), 9, 9),
        (rrf(Shared(k=3), Shared(1.0, k=3)), 18, 12),
    ],
)
def test_how_many_pairs_a_combiner_gives_at_most(pipeline: Pipeline, list_depth: int, bound: int) -> None:
    first = make_fruits()
    values = {"queries": first.queries, "docs": first.docs}

    def value(at: Node) -> Any:
        return values.get(at.label)

    target = compile_pipeline(pipeline, SIDES)
    sizes = MemoryEstimator(value).find_sizes(target)
    assert sizes is not None
    assert (sizes.listed_pairs, sizes.result_pairs) == (list_depth, bound)


def test_lists_that_restrict_a_search_count() -> None:
    first = make_fruits()
    values = {"queries": first.queries, "docs": first.docs}
    target = compile_pipeline(Shared(k=2) >> Shared(1.0), SIDES)
    sizes = MemoryEstimator(lambda node: values.get(node.label)).find_sizes(target)
    assert sizes is not None and (sizes.listed_pairs, sizes.scoped_pairs, sizes.result_pairs) == (0, 6, 12)
    assert MemoryEstimator(lambda node: values.get(node.label)).estimate(target) == 16 * MIB + 12 * 64 + 6 * 40


def test_a_value_that_was_read_keeps_nothing_that_was_worked_out(tmp_path: Path) -> None:
    from nirank.plan.execute import Runner
    from nirank.plan.reporter import Reporter

    experiment = Experiment(make_fruits(), {"S": rrf(Shared(), Shared(1.0))}, ["RR"], store=LocalStore(tmp_path))
    (case,) = experiment.plan()
    runner = Runner(experiment.store, experiment._leaves.values, Reporter())
    runner.get_value(case.target)
    lists = [runner.get_value(list_node) for role, list_node in case.target.inputs if role == "list"]
    assert len(lists) == 2 and not any({"keys", "query_rows"} & set(vars(scorer)) for scorer in lists)


def test_one_failure_is_told_again_and_not_tried_again(tmp_path: Path) -> None:
    tries: list[int] = []

    @stage
    class Broken(Scorer):
        name = "broken"

        def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
            tries.append(1)
            raise RuntimeError("no")

    systems = {name: Shared() >> Broken() >> Cut(k) for name, k in (("A", 1), ("B", 2))}
    result = Experiment(make_fruits(), systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert [row.status for row in result.rows] == ["failed", "failed"] and tries == [1]
