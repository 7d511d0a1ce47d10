"""How deep a list is certain: what is taken out of it and what it is put together with makes it shallower."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.node import Job
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.plan.folds import join_folds
from nirank.plan.tasks import restrict

DOCS = Texts.of({f"d{at}": "x" for at in range(8)})


def make_side(*queries: str) -> Texts:
    return Texts.of(dict.fromkeys(queries, "x"))


def make_ranking(queries: Ids, depth: int | None, **lists: str) -> Ranking:
    """Return lists of documents by their numbers, cut at a depth."""
    run = {query: {f"d{number}": -float(at) for at, number in enumerate(numbers)} for query, numbers in lists.items()}
    cut = Ranking.from_dict(run, queries, DOCS.ids)
    return Ranking(cut.queries, cut.docs, cut.offsets, cut.rows, cut.scores, depth)


def run(task: object, inputs: dict[str, list[object]], folder: Path) -> Ranking:
    return task(Job({}, inputs, folder, Context()))  # type: ignore[operator, no-any-return]


def test_a_scope_leaves_of_a_cut_list_as_much_as_is_certain(tmp_path: Path) -> None:
    queries = make_side("p", "q", "r")
    even = Scope(queries.ids, DOCS.ids, mask=np.arange(8) % 2 == 0)
    sides = {"queries": [queries], "docs": [DOCS], "scope": [even]}
    cut = make_ranking(queries.ids, 4, p="0123", q="0246", r="1")  # r's list ends by itself
    assert run(restrict, {**sides, "list": [cut]}, tmp_path).depth == 2
    assert run(restrict, {**sides, "list": [make_ranking(queries.ids, 4, p="0246", r="1")]}, tmp_path).depth == 4
    assert run(restrict, {**sides, "list": [make_ranking(queries.ids, None, p="0123")]}, tmp_path).depth is None
    result = run(restrict, {**sides, "list": [make_ranking(queries.ids, 2, p="13", q="02")]}, tmp_path)
    assert (result.depth, result.counts.tolist()) == (1, [0, 2, 0])


def test_folds_put_together_are_as_deep_as_the_shallowest(tmp_path: Path) -> None:
    queries, queries_p, queries_q = make_side("p", "q"), make_side("p"), make_side("q")

    def depth(first: int | None, second: int | None) -> int | None:
        lists = [make_ranking(queries_p.ids, first, p="01"), make_ranking(queries_q.ids, second, q="23")]
        inputs = {"queries": [queries], "docs": [DOCS], "held": [queries_p, queries_q], "list": lists}
        joined = run(join_folds, inputs, tmp_path)
        assert joined.to_dict() == {"p": {"d0": 0.0, "d1": -1.0}, "q": {"d2": 0.0, "d3": -1.0}}
        return joined.depth

    assert (depth(2, 5), depth(5, 2), depth(None, 3), depth(None, None)) == (2, 2, 3, None)
