"""The best pairs of parts of each query and document, and training on them."""

from __future__ import annotations

from functools import reduce
from operator import rshift
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank import BM25, BestParts, Collection, Combiner, Experiment, Windows, apply, fold
from nirank.algebra.context import Context
from nirank.algebra.pipeline import Pipeline
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking
from nirank.store import open_store


def make_parts(counts: list[int], letter: str) -> Texts:
    ids = [f"{letter}{whole}#{part}" for whole, n in enumerate(counts) for part in range(n)]
    return Texts(Ids.of(ids), {}, np.repeat(np.arange(len(counts)), counts))


def keep_best(scores: dict[str, dict[str, float]], queries: Texts, docs: Texts, n: int) -> dict[str, dict[str, float]]:
    ranking = Ranking.from_dict(scores, queries.ids, docs.ids)
    return BestParts(n).combine([ranking], Context(queries=queries, docs=docs)).to_dict()


def test_by_hand() -> None:
    docs = make_parts([3, 2], "d")
    one = Texts(Ids.of(["q"]), {})
    scores = {"q": {"d0#0": 1.0, "d0#1": 3.0, "d0#2": 2.0, "d1#0": 0.5, "d1#1": 9.0}}
    assert keep_best(scores, one, docs, 1) == {"q": {"d1#1": 9.0, "d0#1": 3.0}}
    assert keep_best(scores, one, docs, 2) == {"q": {"d1#1": 9.0, "d0#1": 3.0, "d0#2": 2.0, "d1#0": 0.5}}
    parts = make_parts([2], "q")  # of one query: its two parts share what a document keeps
    scores = {"q0#0": {"d0#0": 1.0, "d0#1": 3.0, "d1#0": 5.0}, "q0#1": {"d0#2": 2.0, "d1#0": 6.0, "d1#1": 4.0}}
    assert keep_best(scores, parts, docs, 2) == {"q0#0": {"d1#0": 5.0, "d0#1": 3.0}, "q0#1": {"d1#0": 6.0, "d0#2": 2.0}}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.lists(st.integers(1, 3), min_size=1, max_size=3),
       st.integers(1, 5), st.integers(0, 10_000))  # fmt: skip
def test_no_more_than_n_pairs_and_the_best_of_all(
    doc_parts: list[int], query_parts: list[int], n: int, seed: int
) -> None:
    docs, queries = make_parts(doc_parts, "d"), make_parts(query_parts, "q")
    random = np.random.default_rng(seed)
    scores = {
        query: {doc: float(random.integers(0, 6)) for doc in docs.ids if random.random() < 0.8} for query in queries.ids
    }
    kept = keep_best(scores, queries, docs, n)
    for query_whole in range(len(query_parts)):
        for doc_whole in range(len(doc_parts)):

            def list_scores(
                lists: dict[str, dict[str, float]], q: int = query_whole, d: int = doc_whole
            ) -> list[float]:
                listed = (
                    s
                    for query, row in lists.items()
                    if query.startswith(f"q{q}#")
                    for doc, s in row.items()
                    if doc.startswith(f"d{d}#")
                )
                return sorted(listed, reverse=True)

            assert list_scores(kept) == list_scores(scores)[:n]


def test_a_document_keeps_its_best_score(tmp_path: Path) -> None:
    """Folded by the greatest score, a list is the same with and without the parts that are left out."""
    random = np.random.default_rng(3)
    texts = {f"d{number}": " ".join(f"w{word}" for word in random.integers(0, 30, 40)) for number in range(9)}
    collection = Collection.of(texts, {"q": "w1 w2 w3", "r": "w4 w5"}, {"q": {"d1": 1}, "r": {"d2": 1}})
    systems = {"all": fold(Windows(8), BM25()), "best": fold(Windows(8), BM25() >> BestParts(1))}
    result = Experiment(collection, systems, ["RR"], store=open_store(tmp_path / "store")).run()
    assert result.ranking("best").to_dict() == result.ranking("all").to_dict()
    assert next(row for row in result.rows if row.system == "best").counts["parts_left_out"] > 0


def count_shared(queries: list[str], docs: list[str]) -> list[float]:
    return [float(len({*query.split()} & {*doc.split()})) for query, doc in zip(queries, docs, strict=True)]


def test_parts_on_both_sides_are_so_many_pairs_a_document(tmp_path: Path) -> None:
    random = np.random.default_rng(1)

    def draw(n: int) -> str:
        return " ".join(f"w{word}" for word in random.integers(0, 30, n))

    docs, queries = {f"d{number}": draw(40) for number in range(9)}, {"q": draw(24), "r": draw(16)}
    collection = Collection.of(docs, queries, {"q": {"d1": 1}, "r": {"d2": 1}})
    scorer = apply(count_shared, version=1, depth=1000)

    def read_pairs(*between: Combiner) -> Pipeline:
        inner = reduce(rshift, (BM25(k=1000), *between, scorer))
        return BM25() % 5 >> fold(Windows(8), fold(Windows(8), inner), side="queries")

    systems = {"all": read_pairs(), "best": read_pairs(BestParts(3))}
    result = Experiment(collection, systems, ["RR"], store=open_store(tmp_path / "store")).run()
    scored = {row.system: row.cost.pairs_scored for row in result.rows}
    assert scored["best"] == 2 * 5 * 3 < scored["all"]
    for row in result.rows:
        assert all(len(listed) == 5 for listed in result.ranking(row.system).to_dict().values())


def test_what_cannot_be_meant() -> None:
    with pytest.raises(ConfigError, match="n must be 1 or more, got 0"):
        BestParts(0)
