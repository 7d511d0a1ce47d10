"""Filters of written queries: what they keep, what they measure, and what is said of what they drop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.check import find_text_fields
from nirank.stages.bm25 import BM25
from nirank.stages.token_blocking import TokenBlocking
from nirank.synthesis.filtering import apply_filter
from nirank.synthesis.filters.base import Filter, KeptQueries
from nirank.synthesis.filters.likeness import NearDuplicates, TitleCopies
from nirank.synthesis.filters.round_trip import RoundTrip
from nirank.synthesis.filters.scores import LikelihoodRatio, LogProbability, ScoreFilter, keep_best
from nirank.synthesis.kept_texts import list_judgements, list_pairs, list_texts, make_query_sides
from nirank.synthesis.query_table import QueryTable

DOCS = Texts.of(
    {
        "a": {"title": "Grey cats", "text": "cats sleep all day"},
        "b": {"title": "", "text": "dogs bark"},
        "c": {"title": "Grey cats", "text": "cats  sleep all day"},
        "d": {"title": "Parrots", "text": "parrots talk"},
    }
)


def make_table(queries: list[str], docs: list[int], reasons: list[str] | None = None, **fields: Any) -> QueryTable:
    n = len(queries)
    numbers = [docs[:at].count(doc) for at, doc in enumerate(docs)]
    return QueryTable(
        np.array(docs, np.int64), np.full(n, -1, np.int64), np.array(numbers, np.int64), queries, queries,
        np.array(fields.pop("logprobs", [np.nan] * n), np.float32), np.zeros(n, np.int32), reasons or [""] * n, **fields,
    )  # fmt: skip


def apply(query_filter: Filter, table: QueryTable, place: Path, **inputs: Any) -> tuple[QueryTable, Context]:
    for folder in (place / "in", place / "out"):
        folder.mkdir(parents=True, exist_ok=True)
    table.save(place / "in")
    context = Context()
    opened = {"written": [place / "in"], "docs": [DOCS], **{role: [value] for role, value in inputs.items()}}
    apply_filter(Job({}, opened, place / "out", context, query_filter))
    return QueryTable.open(place / "out"), context


def make_ranking(lists: list[list[int]], scores: list[list[float]] | None = None) -> Ranking:
    queries = Ids.of(f"q{at}" for at in range(len(lists)))
    q = np.repeat(np.arange(len(lists)), [len(rows) for rows in lists])
    d = np.array([row for rows in lists for row in rows], np.int64)
    values = [[-at for at in range(len(rows))] for rows in lists] if scores is None else scores
    flat = np.array([score for row in values for score in row], np.float32)
    return Ranking.build(queries, DOCS.ids, q, d, flat, source="test")


def test_round_trip_keeps_what_is_found_again_or_has_a_twin_that_is(tmp_path):
    """The texts of a and c are equal; what was dropped before is not looked at."""
    table = make_table(["cats", "bark", "birds", "", "grey"], [0, 1, 3, 3, 0], ["", "", "", "cleaning: empty", ""])
    ranking = make_ranking([[1, 2, 0], [0, 1], [0, 1], []])
    filtered, context = apply(RoundTrip(BM25(), 2), table, tmp_path, list=ranking)
    dropped = "filter: round trip in 2"
    assert filtered.reasons == ["", "", dropped, "cleaning: empty", dropped]
    np.testing.assert_array_equal(filtered.scores["round trip in 2"], np.float32([2, 2, np.nan, np.nan, np.nan]))
    assert context.declared["filter"] == {"in": 4, "out": 2}
    assert filtered.counts["round trip in 2"] == 2
    first, _ = apply(RoundTrip(BM25()), table, tmp_path, list=ranking)
    assert not first.kept.any()


def test_scores_are_cut_at_one_percentile_of_all(tmp_path):
    table = make_table(["x"] * 4, [0, 0, 1, 3])
    ranking = make_ranking([[0], [0], [1], []], [[0.5], [0.1], [0.9], []])
    filtered, _ = apply(ScoreFilter(BM25(), 0.5), table, tmp_path, list=ranking)
    assert filtered.kept.tolist() == [True, False, True, False]
    np.testing.assert_allclose(filtered.scores["best 50 % by score"], [0.5, 0.1, 0.9, np.nan])
    everything, _ = apply(ScoreFilter(BM25(), 1.0), table, tmp_path, list=ranking)
    assert everything.kept.tolist() == [True, True, True, False]  # what nothing found has no score


def test_a_likelihood_ratio_cancels_how_common_a_query_is(tmp_path):
    table = make_table(["x"] * 4, [0, 0, 1, 3])
    domain, general = (
        make_ranking([[0], [0], [1], [3]], [[-s] for s in scores]) for scores in ((1, 4, 2, 3), (2, 3, 4, 3))
    )
    place = tmp_path
    for folder in (place / "in", place / "out"):
        folder.mkdir()
    table.save(place / "in")
    inputs = {"written": [place / "in"], "docs": [DOCS], "list": [domain, general]}
    apply_filter(Job({}, inputs, place / "out", Context(), LikelihoodRatio(BM25(), BM25(b=0.1), 0.5)))
    filtered = QueryTable.open(place / "out")
    assert filtered.kept.tolist() == [True, False, True, False]
    np.testing.assert_allclose(filtered.scores["best 50 % by likelihood ratio"], [1, -1, 2, 0])


def test_log_probability(tmp_path):
    table = make_table(["x"] * 4, [0, 1, 2, 3], ["", "", "cleaning: empty", ""], logprobs=[-1, -3, 0, -2])
    for query_filter in (LogProbability(2), LogProbability(share=0.5)):
        filtered, _ = apply(query_filter, table, tmp_path)
        assert filtered.kept.tolist() == [True, False, False, True]
    with pytest.raises(DataError, match="the generator gives no log-probabilities"):
        apply(LogProbability(2), make_table(["x"], [0]), tmp_path)


@given(st.lists(st.one_of(st.integers(0, 5), st.none()), max_size=12), st.floats(0.05, 1))
def test_what_is_best(scores, share):
    values = np.array([np.nan if score is None else score for score in scores], float)
    kept = keep_best(values, share=share)
    known = [score for score in scores if score is not None]
    assert kept.sum() >= min(np.ceil(share * len(scores) - 1e-9), len(known))
    assert not kept[np.isnan(values)].any()
    if kept.any():
        assert not np.any(values[~kept] >= values[kept].min())
        better_than_threshold = int((values > values[kept].min()).sum())
        assert better_than_threshold < np.ceil(share * len(scores) - 1e-9)


def test_near_duplicates_keep_the_first(tmp_path):
    queries = ["Do grey cats sleep?", "do grey cats sleep", "grey cats sleep do today", "why do parrots talk", "cats"]
    filtered, _ = apply(NearDuplicates(0.8), make_table(queries, [0, 2, 0, 3, 1]), tmp_path)
    assert filtered.kept.tolist() == [True, False, False, True, True]
    np.testing.assert_allclose(filtered.scores["near duplicates from 0.8"], [np.nan, 1, 0.8, np.nan, np.nan], rtol=1e-6)


@given(st.lists(st.text("abcde ", max_size=12), max_size=14), st.sampled_from([0.3, 0.5, 0.75, 1.0]))
def test_near_duplicates_are_those_of_all_pairs(texts, threshold):
    queries = KeptQueries(
        np.arange(len(texts)), texts, np.zeros(len(texts), np.int64), np.zeros(len(texts), np.float32)
    )
    kept: list[set[str]] = []
    expected = []
    for text in texts:
        words = set(text.split())
        near = any(words and len(words & other) / len(words | other) >= threshold - 1e-9 for other in kept)
        expected.append(not near)
        if not near:
            kept.append(words)
    assert NearDuplicates(threshold).judge(queries, DOCS, {}).keep.tolist() == expected


def test_copies_of_titles(tmp_path):
    table = make_table(["grey CATS?", "why do cats sleep", "dogs", "parrot"], [0, 0, 1, 3])
    filtered, _ = apply(TitleCopies(0.9), table, tmp_path)
    assert filtered.kept.tolist() == [False, True, True, False]
    assert np.isnan(filtered.scores["copies of title"][2])  # that document has no title


def test_the_same_filter_twice_has_two_names(tmp_path):
    once, _ = apply(LogProbability(2), make_table(["x"] * 3, [0, 1, 2], logprobs=[-1, -2, -3]), tmp_path)
    twice, _ = apply(LogProbability(2), once, tmp_path)
    assert list(twice.scores) == ["best 2 by log-probability", "best 2 by log-probability (2)"]


def test_kept_queries_as_texts_judgements_and_pairs(tmp_path):
    make_table(["cats", "", "dogs", "more cats"], [0, 0, 1, 0], ["", "x", "", ""]).save(tmp_path)
    job = Job({}, {"written": [tmp_path], "docs": [DOCS]}, tmp_path, Context())
    texts = list_texts(job)
    assert list(texts.ids) == ["a#0", "b#0", "a#2"]
    assert texts.columns["text"].to_pylist() == ["cats", "dogs", "more cats"]
    assert texts.parents is not None
    assert list(texts.parents) == [0, 1, 0]
    job = Job({}, {"written": [tmp_path], "docs": [DOCS], "queries": [texts]}, tmp_path, Context())
    qrels = list_judgements(job)
    assert [tuple(row) for row in qrels.list_judgements()] == [("a#0", "a", 2), ("b#0", "b", 2), ("a#2", "a", 2)]
    (tmp_path / "saved").mkdir()
    qrels.save(tmp_path / "saved")
    opened = Qrels.open(tmp_path / "saved", texts.ids, DOCS.ids)
    assert (opened.digest, opened.name) == (qrels.digest, "written")
    assert list_pairs(job).rows.tolist() == [0, 1, 0]


def test_that_none_is_left_is_said_with_the_reasons(tmp_path):
    make_table(["a", "b", "c"], [0, 1, 1], ["cleaning: words", "filter: x", "filter: x"]).save(tmp_path)
    job = Job({}, {"written": [tmp_path], "docs": [DOCS]}, tmp_path, Context())
    with pytest.raises(DataError, match=r"no written query is left \(filter: x: 2, cleaning: words: 1\)"):
        list_texts(job)


def test_what_written_queries_offer_is_known_before_they_are():
    from nirank.algebra.sides import Sides

    docs = Node.leaf("texts", "docs", "docs")
    sides = make_query_sides(Node("t", 1), Sides(docs, docs, scope=(docs,), judgements=docs, full_depth=True))
    fields = find_text_fields(sides.queries, None)  # type: ignore[arg-type]
    assert fields is not None
    assert list(fields.columns) == ["text"]
    assert (sides.scope, sides.judgements, sides.full_depth) == ((), None, False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RoundTrip(BM25(), 0), "round_trip: k must be 1 or more, got 0"),
        (lambda: RoundTrip(TokenBlocking()), "unranked pairs"),
        (lambda: ScoreFilter(BM25(), 0.0), r"score: share must lie in \(0, 1\], got 0"),
        (lambda: LikelihoodRatio(BM25(), BM25(), 2.0), "likelihood_ratio: share must lie in"),
        (lambda: LogProbability(), "expected n or share, one of the two"),
        (lambda: LogProbability(3, 0.5), "expected n or share, one of the two"),
        (lambda: LogProbability(0), "n must be 1 or more"),
        (lambda: NearDuplicates(1.5), "threshold must lie in"),
        (lambda: TitleCopies(0), "threshold must lie in"),
    ],
)
def test_filters_that_cannot_be_meant(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
