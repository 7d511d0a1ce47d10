"""Shorter forms of long queries: top terms and key sentences."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.algebra.application import rewrite
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.stages.bm25 import BM25
from nirank.stages.key_sentences import KeySentences, quite
from nirank.stages.top_terms import TopTerms
from nirank.store import LocalStore
from nirank.testing import check_stage

WEIGHTS = {"solar": 3.0, "panel": 2.0, "cost": 1.5}
SENTENCES = [
    {"solar", "panel", "farm"}, {"solar", "panel", "roof"}, {"cost", "of", "power"}, {"panel", "cost", "table"},
    {"weather"},
]  # fmt: skip


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (1.0, [(0, 5.0), (1, 5.0), (3, 3.5)]),
        (0.5, [(0, 5.0), (1, 2.5), (3, 2.0)]),
        (0.0, [(0, 5.0), (2, 1.5), (1, 0.0)]),
    ],
)
def test_the_worked_example_of_quite(alpha: float, expected: list[tuple[int, float]]) -> None:
    assert quite(WEIGHTS, SENTENCES, 3, alpha) == expected


@given(
    st.lists(st.sets(st.sampled_from("abcdef")), max_size=6),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9).map(float)),
    st.floats(0, 1),
)
def test_properties_of_quite(sentences: list[set[str]], weights: dict[str, float], alpha: float) -> None:
    selected = quite(weights, sentences, 99, alpha)
    assert sorted(row for row, _ in selected) == list(range(len(sentences)))
    scores = [score for _, score in selected]
    assert all(after <= before + 1e-9 for before, after in pairwise(scores))
    assert quite(weights, sentences, 2, alpha) == selected[:2]
    doubled = quite({term: 2 * weight for term, weight in weights.items()}, sentences, 99, alpha)
    assert [row for row, _ in doubled] == [row for row, _ in selected]


def test_nothing_to_cover() -> None:
    assert quite({"x": 1.0}, [{"a"}, {"b"}], 1, 0.5) == [(0, 0)]
    assert quite({"x": 1.0}, [{"a"}, {"b"}], 1, 0.5, stop_at_zero=True) == []


DOCS = {"d0": "wine and grapes", "d1": "oak trees", "d2": "the sea", "d3": "wine oak sea", "d4": "wine"}
QUERY = "Wine wines are made. The sea is far. Grapes grow; zyzzyva. Oaks are trees."


def rewrite_query(tmp_path: Path, map: object, query: str = QUERY) -> str:
    """Return what a map makes of a query, with the frequencies of the documents above."""
    from nirank.testing.bench import Bench

    collection = Collection.of(DOCS, {"q": query or QUERY}, {"q": {"d0": 1}})  # queries that are all blank are refused
    tmp_path.mkdir()
    bench = Bench(map, collection, tmp_path)
    mapped = map.map(Texts.of({"q": query}), None, bench.make_context(collection.queries))  # type: ignore[attr-defined]
    return str(mapped.columns["text"][0].as_py())


def test_top_terms_keep_words_and_their_frequency(tmp_path: Path) -> None:
    # tf × idf: wine 2 × 0.54, grape 1 × 1.39, tree 1 × 1.39, oak and sea 1 × 0.88
    assert rewrite_query(tmp_path / "2", TopTerms(2)) == "Grapes trees."
    assert rewrite_query(tmp_path / "3", TopTerms(3)) == "Wine wines Grapes trees."
    assert "zyzzyva" not in rewrite_query(tmp_path / "99", TopTerms(99))


def test_key_sentences_cover_the_text(tmp_path: Path) -> None:
    assert rewrite_query(tmp_path / "1", KeySentences(1)) == "Oaks are trees."
    assert rewrite_query(tmp_path / "2", KeySentences(2)) == "Grapes grow; zyzzyva. Oaks are trees."
    assert rewrite_query(tmp_path / "s", KeySentences(2, order="selection")) == "Oaks are trees. Grapes grow; zyzzyva."
    assert rewrite_query(tmp_path / "9", KeySentences(9)) == QUERY
    assert rewrite_query(tmp_path / "0", KeySentences(3), "") == ""


@pytest.mark.parametrize("map", [TopTerms(3), KeySentences(2)])
def test_they_obey_and_work_in_experiments(map: object, tmp_path: Path) -> None:
    check_stage(map)  # type: ignore[arg-type]
    collection = Collection.of(DOCS, {"q": QUERY}, {"q": {"d1": 1}})
    result = Experiment(collection, {"S": rewrite(map, BM25())}, ["RR"], store=LocalStore(tmp_path)).run()  # type: ignore[arg-type]
    assert result.rows[0].status == "ok"


def test_options() -> None:
    with pytest.raises(ConfigError, match="terms must be 1 or more"):
        TopTerms(0)
    with pytest.raises(ConfigError, match="alpha must be from 0 to 1"):
        KeySentences(2, alpha=2)
    with pytest.raises(ConfigError, match="no analyzer 'klingon'"):
        TopTerms(2, analyzer="klingon")
