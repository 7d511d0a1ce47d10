"""The small stages as the plan runs them: needs, scopes, parts of documents, and what is found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.algebra.application import fold, rewrite, within
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.plan.compile import compile_pipeline
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.reporter import Reporter
from nirank.stages.apply import apply
from nirank.stages.bm25 import BM25
from nirank.stages.complete import Complete
from nirank.stages.first_words import FirstWords
from nirank.stages.only import Only
from nirank.stages.rrf import rrf
from nirank.stages.run import RunFile
from nirank.stages.windows import Windows
from nirank.store import LocalStore

FRUITS = Collection.of(
    {"a": "red apple", "b": "red red wine and apple", "c": "green pear", "d": "blue sky above"},
    {"q1": "red apple please", "q2": "green sky", "q3": "nothing here"},
    name="fruits",
)


def count_shared_words(queries: list[str], docs: list[str]) -> list[int]:
    return [len(set(q.split()) & set(d.split())) for q, d in zip(queries, docs, strict=True)]


OVERLAP = apply(count_shared_words, version=1)


class Lab:
    def __init__(self, root: Path) -> None:
        self.store, self.ran = LocalStore(root / "store"), 0
        self.run_file = root / "fruits.run"
        self.run_file.write_text("q1 Q0 d 1 9 t\nq1 Q0 a 2 8 t\nq1 Q0 b 3 7 t\nq2 Q0 c 1 2 t\nq2 Q0 a 2 1 t\n")
        self.file = RunFile(str(root / "{collection}.run"))

    def lists(self, pipeline: Pipeline, collection: Collection = FRUITS) -> dict[str, list[str]]:
        queries, docs = collection.queries, collection.docs
        sides = Sides(
            Node.leaf("texts", queries.digest, "queries"), Node.leaf("texts", docs.digest, "docs"), collection="fruits"
        )
        runner = Runner(self.store, {queries.digest: queries, docs.digest: docs}, Reporter())
        ranking = runner.get_value(compile_pipeline(pipeline, sides))
        self.ran = len(runner.computed)
        return {query: list(scores) for query, scores in ranking.to_dict().items()}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_run_file_is_read_once_and_again_when_it_changes(lab: Lab) -> None:
    first = lab.lists(lab.file)
    assert first == {"q1": ["d", "a", "b"], "q2": ["c", "a"], "q3": []} and lab.ran == 2
    assert lab.lists(lab.file % 2) == {"q1": ["d", "a"], "q2": ["c", "a"], "q3": []} and lab.ran == 1
    assert lab.lists(lab.file) == first and lab.ran == 0
    lab.run_file.write_text("q3 Q0 d 1 9 t\n")
    assert lab.lists(lab.file) == {"q1": [], "q2": [], "q3": ["d"]} and lab.ran == 2


def test_fusion_reranking_and_completion(lab: Lab) -> None:
    reranked = lab.file >> OVERLAP
    assert lab.lists(reranked) == {"q1": ["b", "a", "d"], "q2": ["c", "a"], "q3": []}
    assert lab.lists(rrf(lab.file, reranked)) == {"q1": ["d", "b", "a"], "q2": ["c", "a"], "q3": []}
    assert lab.lists(0 * lab.file + 2 * reranked) == lab.lists(reranked)
    assert lab.lists(lab.file >> Complete()) == {
        "q1": ["d", "a", "b", "c"],
        "q2": ["c", "a", "d", "b"],
        "q3": ["d", "c", "b", "a"],
    }


def test_scopes(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a\nd\n")
    for scope in (Only(("a", "d")), Only(path=str(tmp_path / "ids.txt"))):
        assert lab.lists(within(scope, lab.file)) == {"q1": ["d", "a"], "q2": ["a"], "q3": []}
        completed = lab.lists(within(scope, lab.file >> Complete()))
        assert completed == {"q1": ["d", "a"], "q2": ["a", "d"], "q3": ["d", "a"]}
    full_list = within(lab.file & (lab.file % 1), lab.file)
    assert lab.lists(full_list) == {"q1": ["d"], "q2": ["c"], "q3": []}
    with pytest.raises(FailedNode, match="'x' is not a document of the collection"):
        lab.lists(within(Only(("x",)), lab.file))


def test_rewritten_queries_and_windows(lab: Lab) -> None:
    assert lab.lists(lab.file >> rewrite(FirstWords(1), OVERLAP)) == {"q1": ["b", "a", "d"], "q2": ["c", "a"], "q3": []}
    texts: list[tuple[str, str]] = []

    def note(queries: list[str], docs: list[str]) -> Any:
        texts.extend(zip(queries, docs, strict=True))
        return count_shared_words(queries, docs)

    best = fold(Windows(2), apply(note, version=1))
    assert lab.lists(lab.file % 3 >> best)["q1"] == ["a", "b", "d"]
    assert ("red apple please", "red red") in texts and ("red apple please", "wine and") in texts


def test_every_operator_with_an_empty_side(lab: Lab) -> None:
    a = lab.file
    no_list = within(Only(("b",)), within(Only(("a",)), a))
    full, empty = lab.lists(a), {"q1": [], "q2": [], "q3": []}
    assert lab.lists(no_list) == empty
    for unchanged in (rrf(a, no_list), rrf(no_list, a), a + no_list, no_list + a, 2 * a + 0.5 * no_list):
        assert lab.lists(unchanged) == full
    for emptied in (
        no_list % 5,
        no_list >> OVERLAP,
        no_list >> a,
        2 * no_list,
        no_list + no_list,
        rrf(no_list, no_list),
        within(no_list, a),
        within(a, no_list),
        rewrite(FirstWords(2), no_list),
        no_list >> fold(Windows(2), OVERLAP),
        no_list & a,
        a & no_list,
        no_list | no_list,
    ):
        assert lab.lists(emptied) == empty
    union = {"q1": ["a", "b", "d"], "q2": ["a", "c"], "q3": []}
    assert lab.lists(no_list | a) == lab.lists(a | no_list) == union


def test_every_operator_without_queries(lab: Lab) -> None:
    nobody, a = FRUITS.take(np.empty(0, np.int64)), lab.file
    for pipeline in (
        a % 5,
        a >> OVERLAP,
        a >> a,
        rrf(a, a % 1),
        0.5 * a + a,
        a | a % 1,
        a & a % 1,
        a >> Complete(),
        within(Only(("b",)), a),
        within(a, a),
        rewrite(FirstWords(2), a),
        a >> fold(Windows(2), OVERLAP),
    ):
        assert lab.lists(pipeline, nobody) == {}


def test_a_field_that_is_blank_in_one_collection_is_no_mistake(tmp_path: Path) -> None:
    """As titles are in some; the row says that no document has it. Fields that are blank together are one."""
    docs: dict[str, Any] = {"a": {"title": "", "text": "red wine"}, "b": {"title": "", "text": "tea"}}
    collection = Collection.of(docs, {"q": "wine"}, {"q": {"a": 1}})
    system = BM25(fields={"title": 1, "text": 1})
    (row,) = Experiment(collection, {"S": system}, ["RR"], store=LocalStore(tmp_path)).run().rows
    assert row.measures["RR"] == 1
    assert row.conventions.stages[system.title]["documents"] == {"text": 2, "title": 0}
    with pytest.raises(ConfigError, match="bm25: fields title: no record has any text there"):
        Experiment(collection, {"S": BM25(fields={"title": 1})}, ["RR"], store=LocalStore(tmp_path)).check()
