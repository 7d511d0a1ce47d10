"""Postings of ranges with the counts of all give the scores of the whole, bit by bit."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import make_postings

from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import select_best_pairs
from nirank.flow.scope import Scope
from nirank.lexical import scoring
from nirank.lexical.range_statistics import RangeStatistics, gather_statistics

small_numbers = st.integers(0, 9)
corpora = st.integers(2, 60).flatmap(lambda n: st.lists(st.lists(small_numbers, max_size=12), min_size=n, max_size=n))


@settings(max_examples=120, deadline=None)
@given(
    title=corpora,
    queries=st.lists(st.lists(small_numbers, max_size=9), min_size=1, max_size=3),
    k=st.sampled_from([None, 1, 2, 10]),
    weights=st.sampled_from([{"a": 1.0}, {"a": 0.3}, {"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 1.0}]),
    k1b=st.sampled_from([(0.9, 0.4), (0.0, 1.0), (1.2, 0.75)]),
    restrict=st.sampled_from(["", "mask", "own", "pairs"]),
    cuts=st.lists(st.integers(1, 59), max_size=4),
    seed=st.integers(0, 99),
)
def test_any_corpus_in_any_ranges(
    title: list[list[int]],
    queries: list[list[int]],
    k: int | None,
    weights: dict[str, float],
    k1b: tuple[float, float],
    restrict: str,
    cuts: list[int],
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rng, n = np.random.default_rng(seed), len(title)
    texts = {"a": title, "b": [[*text[::2], int(n)] for text, n in zip(title, rng.integers(0, 10, n), strict=True)]}
    names = [f"d{int(number)}" for number in rng.permutation(n)]
    tokens = [[str(term) for term in query] for query in queries]
    query_ids, docs = Ids.of(f"q{i}" for i in range(len(queries))), Ids.of(names)
    q, d = np.nonzero(rng.random((len(queries), n)) < 0.5)
    scope = {
        "": Scope(query_ids, docs),
        "mask": Scope(query_ids, docs, mask=rng.random(n) < 0.5),
        "own": Scope(query_ids, docs, own_rows=rng.integers(-1, n, len(queries))),
        "pairs": Scope(query_ids, docs, pairs=Pairs.build(query_ids, docs, q, d, source="test")),
    }[restrict]
    options = {"k1": k1b[0], "b": k1b[1], "k": k}
    whole = scoring.search({name: make_postings(texts[name], n) for name in weights}, weights, tokens, scope, **options)
    bounds = [0, *sorted({cut for cut in cuts if cut < n}), n]
    ranges = {
        str(first): {name: make_postings(texts[name][first:last], last - first) for name in weights}
        for first, last in pairwise(bounds)
    }
    folder = tmp_path_factory.mktemp("statistics")
    gather_statistics(ranges, folder)
    statistics = RangeStatistics.open(folder)
    parts = []
    for first, last in pairwise(bounds):
        fields = statistics.replace_counts(ranges[str(first)], str(first))
        inside = scope.take_doc_range(first, last, docs.slice_rows(first, last))
        part = scoring.search(fields, weights, tokens, inside, **options)
        parts.append((part.query_rows, part.rows.astype(np.int64) + first, part.scores))
    loose = (np.concatenate(column) for column in zip(*parts, strict=True))
    query_rows, rows, scores = select_best_pairs(docs, *loose, k)
    assert query_rows.tolist() == whole.query_rows.tolist()
    assert rows.tolist() == whole.rows.tolist()
    assert scores.tobytes() == whole.scores.tobytes()


def test_counts_are_those_of_one_index(tmp_path: Path) -> None:
    texts = [[1, 1, 2], [], [2, 3], [3, 3, 3]]
    whole = make_postings(texts, 4)
    ranges = {"x": {"": make_postings(texts[:1], 1)}, "y": {"": make_postings(texts[1:], 3)}}
    gather_statistics(ranges, tmp_path)
    field = RangeStatistics.open(tmp_path).fields[""]
    assert list(field.terms) == list(whole.terms)
    assert field.df.tolist() == np.diff(whole.offsets).tolist() == [1, 2, 2]
    assert (field.doc_count, field.tokens) == (whole.doc_count, whole.tokens) == (3, 8)
