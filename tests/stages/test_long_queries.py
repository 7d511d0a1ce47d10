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
from nirank.stages.top_terms import TopTerms, drop_numbers
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


def test_all_terms_are_the_whole_query(tmp_path: Path) -> None:
    """R4: what is left out no document has; a share is of the distinct terms that documents have."""
    whole = "Wine wines are The sea is Grapes Oaks are trees."
    kept = rewrite_query(tmp_path / "all", TopTerms("all"))
    assert kept == " ".join(word for word in whole.split() if word.casefold() not in ("are", "is", "the"))
    assert rewrite_query(tmp_path / "60", TopTerms(0.6)) == rewrite_query(tmp_path / "3", TopTerms(3))  # of five terms
    assert rewrite_query(tmp_path / "1", TopTerms(1e-9)) == rewrite_query(tmp_path / "2", TopTerms(1))


def test_terms_by_what_sets_the_text_apart(tmp_path: Path) -> None:
    """P(t | q): wine 2/6, the others 1/6; of the documents' nine tokens wine is 3, oak 2, sea 2, grape 1, tree 1."""
    assert rewrite_query(tmp_path / "kl", TopTerms(2, weight="kl")) == "Grapes trees."
    # grape and tree 0.067 each, wine 0, oak and sea -0.048 each
    assert rewrite_query(tmp_path / "kl4", TopTerms(4, weight="kl")) == "Wine wines Grapes Oaks trees."
    assert rewrite_query(tmp_path / "p", TopTerms("all", weight="parsimonious", lam=0.05)) == "Grapes trees."


def test_kept_terms_have_the_least_idf(tmp_path: Path) -> None:
    # idf: wine 0.54, oak and sea 0.88, grape and tree 1.39
    assert rewrite_query(tmp_path / "0", TopTerms("all", idf_floor=1.0)) == "Grapes trees."
    assert rewrite_query(tmp_path / "1", TopTerms("all", idf_floor=0.6)) == "sea Grapes Oaks trees."
    # of the stop words two documents have 'and' or 'the': mean idf 1.39
    assert rewrite_query(tmp_path / "2", TopTerms("all", idf_floor="stop_words")) == "Grapes trees."


def test_numbers_that_name_nothing_go(tmp_path: Path) -> None:
    words = "In 2019 all 12 members (3) of No 17 and 2014/65/EU with 1,000 and 4.5% by 5a (1998) 3000 -- x"
    kept = "In 2019 all members of No 17 and 2014/65/EU with and by 5a (1998) -- x"
    assert " ".join(drop_numbers(words.split())) == kept
    assert rewrite_query(tmp_path / "all", TopTerms(1), "7 seas") == "seas"
    assert rewrite_query(tmp_path / "years", TopTerms(1, numbers="years_and_acts"), "7 sea 7") == "sea"


def test_b44_a_query_of_5001_words_is_searched_whole_and_shortened(tmp_path: Path) -> None:
    words = [f"w{at}" for at in range(5_000)]
    docs = {"d": " ".join(words[:40]) + " telling", "e": " ".join(words[40:90]), "f": "other things"}
    collection = Collection.of(docs, {"q": " ".join([*words, "telling", "telling"])}, {"q": {"e": 1}})
    systems = {
        "whole": BM25(),
        "term": rewrite(TopTerms(1), BM25()),
        "all": rewrite(TopTerms("all"), BM25()),
    }
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert list(result.ranking("whole").to_dict()["q"]) == ["e", "d"]
    assert list(result.ranking("term").to_dict()["q"]) == ["d"]
    assert result.ranking("whole").to_dict() == result.ranking("all").to_dict()


@pytest.mark.parametrize("map", [TopTerms(3), TopTerms(0.5, weight="kl", idf_floor=0.1), KeySentences(2)])
def test_they_obey_and_work_in_experiments(map: object, tmp_path: Path) -> None:
    check_stage(map)  # type: ignore[arg-type]
    collection = Collection.of(DOCS, {"q": QUERY}, {"q": {"d1": 1}})
    result = Experiment(collection, {"S": rewrite(map, BM25())}, ["RR"], store=LocalStore(tmp_path)).run()  # type: ignore[arg-type]
    assert result.rows[0].status == "ok"


def test_options() -> None:
    with pytest.raises(ConfigError, match="terms must be 1 or more"):
        TopTerms(0)
    with pytest.raises(ConfigError, match=r"share of the text's terms between 0 and 1, or all, got 2\.5"):
        TopTerms(2.5)
    with pytest.raises(ConfigError, match="lam is the parsimonious model's; weight is kl"):
        TopTerms(weight="kl", lam=0.5)
    with pytest.raises(ConfigError, match="lam must be above 0 and at most 1, got 2"):
        TopTerms(weight="parsimonious", lam=2)
    with pytest.raises(ConfigError, match="analyzer standard has no stop words; give idf_floor a number"):
        TopTerms(idf_floor="stop_words", analyzer="standard")
    with pytest.raises(ConfigError, match="alpha must be from 0 to 1"):
        KeySentences(2, alpha=2)
    with pytest.raises(ConfigError, match="no analyzer 'klingon'"):
        TopTerms(2, analyzer="klingon")
