"""Examples for prompts: given, or drawn from training queries, and never from what is evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planned import Planned

from nirank.algebra.judged import Judged
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.synthesis.few_shot import FewShot, cut_words, write_completion_prompt

N = 12
DOCS = {f"d{i}": {"title": f"t{i}", "text": f"text {i}"} for i in range(3 * N)} | {"blank": {"title": "", "text": " "}}
QUERIES = {f"q{i}": f"query {i}" for i in range(N)}
QRELS = {f"q{i}": {f"d{i}": 1, f"d{i + N}": 2, f"d{i + 2 * N}": 0, "blank": 3} for i in range(N)}
QRELS["q3"]["gone"] = 3


def make_collection(split: str) -> Collection:
    return Collection.of(DOCS, QUERIES, QRELS, name="toy")


def plan(folder: Path, evaluated: dict[str, str] | None = None) -> Planned:
    other = Collection.of({"x": "x"}, evaluated or {"e": "something else"}, {"e": {"x": 1}})
    planned = Planned.of(make_collection("train"), folder, other)
    planned.sources.collections._opened[(id(planned.sources.collection), "train")] = make_collection("train")
    return planned


def draw(planned: Planned, few_shot: FewShot) -> Any:
    ((role, node),) = few_shot.plan_inputs(planned.sides)
    return few_shot.read_pairs({role: [planned.run(node)]})


def test_drawn_examples_are_training_queries_each_with_its_most_relevant_document(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    pairs = draw(planned, FewShot(queries=Judged(split="train"), n=4))
    assert len(set(pairs)) == 4
    for document, query in pairs:
        number = int(query.removeprefix("query "))
        assert document == f"t{number + N} text {number + N}", "the blank and the absent one have greater grades"
    assert draw(plan(tmp_path), FewShot(queries=Judged(split="train"), n=4)) == pairs
    titles = draw(planned, FewShot(queries=Judged(split="train"), n=4, doc_text=("title",)))
    assert [title for title, _ in titles] == [document.split()[0] for document, _ in pairs]


def test_the_row_says_which_training_queries_were_seen(tmp_path: Path) -> None:
    planned = plan(tmp_path)
    FewShot(queries=Judged(split="train"), n=4).plan_inputs(planned.sides)
    (supervision,) = planned.sources.supervision
    assert supervision.use == "trained" and len(supervision.questions) == 4
    FewShot(queries=Judged(split="train", sample=6), n=4).plan_inputs(planned.sides)
    assert len(planned.sources.supervision[1].questions) == 6


def test_evaluated_queries_are_refused(tmp_path: Path) -> None:
    planned = plan(tmp_path, {"e": "Query 3"})
    with pytest.raises(ConfigError, match="evaluated too"):
        FewShot(queries=Judged(split="train"), n=N).plan_inputs(planned.sides)


def test_given_examples_stand_first_and_need_no_plan(tmp_path: Path) -> None:
    given = FewShot(pairs=(("a document", "its query"),))
    assert given.plan_inputs(plan(tmp_path).sides) == () and given.read_pairs({}) == (("a document", "its query"),)
    both = FewShot(pairs=(("a document", "its query"),), queries=Judged(split="train"), n=1)
    assert draw(plan(tmp_path), both)[0] == ("a document", "its query")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"pairs": (("a", " "),)}, "expected a document and a query"), ({"n": 0}, "n must be 1 or more")],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FewShot(**options)


def test_the_prompt_to_complete() -> None:
    assert write_completion_prompt([("d1", "q1"), ("d2", "q2")], "d3") == (
        "Example 1:\nDocument: d1\nRelevant Query: q1\n\n"
        "Example 2:\nDocument: d2\nRelevant Query: q2\n\n"
        "Example 3:\nDocument: d3\nRelevant Query:"
    )
    assert cut_words(" a  b\nc d", 3) == "a b c"
