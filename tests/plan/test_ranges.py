"""Documents in ranges of rows: the same lists as from all at once, bit by bit, and no range computed twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import make_bi_encoder, make_splade

from nirank import BM25, BM25F, IVF, Cut, Dense, Only, Sparse, rrf, within
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.collections.collection import Collection
from nirank.experiment.leaves import Leaves
from nirank.flow.ranking import Ranking
from nirank.plan.compile import compile_pipeline
from nirank.plan.execute import Runner
from nirank.plan.reporter import Reporter
from nirank.store import LocalStore

WORDS = st.lists(st.integers(0, 11).map("w{}".format), max_size=9).map(" ".join)
IDS = st.lists(st.text("ab1é", min_size=1, max_size=4), min_size=2, max_size=24, unique=True)
QUERIES = {"a": "w1 w2 w2 w7", "b1": "w0 w3", "none": "zzz", "blank": "", "1": "w4 w4 w4 w5 w6 w8 w9 w10 w11"}


@dataclasses.dataclass
class Bench:
    """One store, and what was computed by the last run."""

    store: LocalStore
    computed: list[Node] = dataclasses.field(default_factory=list)
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def rank(self, collection: Collection, pipeline: Pipeline) -> Ranking:
        leaves = Leaves()
        runner = Runner(self.store, leaves.values, Reporter())
        node = compile_pipeline(pipeline, leaves.make_sides(collection))
        ranking: Ranking = runner.get_value(node)
        artifact = runner.run(node)
        assert artifact is not None
        self.computed, self.said = runner.computed, artifact.meta
        return ranking

    def list_labels(self) -> list[str]:
        return [node.label for node in self.computed]


def make_documents(ids: list[str], texts: list[str]) -> dict[str, Any]:
    """Make documents with titles and years; every fifth text is another's copy, so that scores tie."""
    copies = [texts[at // 2] if at % 5 == 4 else text for at, text in enumerate(texts)]
    return {
        id: {"title": text.split(" ")[-1], "text": text, "metadata": {"year": 1990 + at % 7}}
        for at, (id, text) in enumerate(zip(ids, copies, strict=True))
    }


def cut(docs: Mapping[str, Any], size: int | None, **rules: Any) -> Collection:
    return Collection.of(docs, QUERIES, name="toy", ranges=size, check=False, **rules)


def require_same(whole: Ranking, merged: Ranking) -> None:
    assert merged.offsets.tolist() == whole.offsets.tolist()
    assert merged.rows.tolist() == whole.rows.tolist()
    assert merged.scores.dtype == whole.scores.dtype
    assert merged.scores.tobytes() == whole.scores.tobytes()
    assert merged.depth == whole.depth


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {"dense": str(make_bi_encoder(folder / "dense")), "sparse": str(make_splade(folder / "sparse"))}


LEXICAL: dict[str, Pipeline] = {
    "bm25": BM25(analyzer="whitespace"),
    "bm25 to 3": BM25(analyzer="whitespace", k=3),
    "fields": BM25(fields={"title": 2.0, "text": 1.0}, analyzer="whitespace", k1=1.2, b=0.75),
    "k3": BM25(analyzer="simple", k3=1.0, k=2),
    "stems": BM25(analyzer="english", k1=0.0),
    "bm25f": BM25F(fields={"title": 3.0, "text": 1.0}, b={"title": 0.2, "text": 0.8}, analyzer="whitespace"),
    "behind": BM25(analyzer="whitespace", k=7) >> BM25F(fields={"text": 1.0}, analyzer="whitespace"),
    "fused": rrf(BM25(analyzer="whitespace"), BM25F(fields={"title": 1.0}, analyzer="whitespace")) >> Cut(5),
}
RULES: dict[str, dict[str, Any]] = {
    "all": {},
    "own": {"self_match": "id"},
    "candidates": {"candidates": {"a": ["a", "b", "1", "é"], "b1": ["a"], "1": ["ab", "b", "aa"]}},
    "known": {"known": {"a": ["a", "b"], "1": ["1", "é"]}, "self_match": "id"},
}


def keep_present(rules: Mapping[str, Any], docs: Mapping[str, Any]) -> dict[str, Any]:
    """Leave of candidates and known documents those that are there."""
    return {
        name: {query: [id for id in ids if id in docs] for query, ids in value.items()} if isinstance(value, dict) else value
        for name, value in rules.items()
    }


@settings(max_examples=20, deadline=None)
@given(
    ids=IDS,
    size=st.integers(1, 12),
    data=st.data(),
    system=st.sampled_from(sorted(LEXICAL)),
    rule=st.sampled_from(sorted(RULES)),
)
def test_words_are_found_in_ranges_as_in_the_whole(
    ids: list[str], size: int, data: st.DataObject, system: str, rule: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    texts = data.draw(st.lists(WORDS, min_size=len(ids), max_size=len(ids)))
    docs = make_documents(ids, texts)
    bench = Bench(LocalStore(tmp_path_factory.mktemp("store")))
    rules = keep_present(RULES[rule], docs)
    whole = bench.rank(cut(docs, None, **rules), LEXICAL[system])
    counted = bench.said["counts"]
    require_same(whole, bench.rank(cut(docs, size, **rules), LEXICAL[system]))
    assert bench.said["counts"] == counted
