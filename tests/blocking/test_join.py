"""The bucket join finds what comparing all records would find, in bounded memory, and counts before it compares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.blocking import join as joining
from nirank.blocking.join import count_buckets, join
from nirank.blocking.keys import RecordKeys, combine_columns, digest_word
from nirank.blocking.purging import find_greatest_cardinality, purge_buckets
from nirank.flow.ids import Ids
from nirank.flow.scope import Scope

words = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=4), max_size=8)


def make_scope(queries: int, docs: int, **rules: object) -> Scope:
    return Scope(Ids.of([f"q{row}" for row in range(queries)]), Ids.of([f"d{row}" for row in range(docs)]), **rules)  # type: ignore[arg-type]


def pair_by_hand(left: Sequence[Sequence[str]], right: Sequence[Sequence[str]]) -> set[tuple[int, int]]:
    return {
        (q, d)
        for q, query_words in enumerate(left)
        for d, doc_words in enumerate(right)
        if set(query_words) & set(doc_words)
    }


def list_pairs(pairs: object) -> list[tuple[int, int]]:
    return list(zip(pairs.query_rows.tolist(), pairs.rows.tolist(), strict=True))  # type: ignore[attr-defined]


@given(words, words, st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_join_equals_comparing_all(left: list[list[str]], right: list[list[str]], block: int) -> None:
    """Whatever the block; every pair once, in row order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "_BLOCK", block)
        pairs = list_pairs(
            join(RecordKeys.from_words(left), RecordKeys.from_words(right), make_scope(len(left), len(right)))
        )
    assert pairs == sorted(pair_by_hand(left, right))


@given(words, words)
@settings(max_examples=100, deadline=None)
def test_buckets_are_counted_before(left: list[list[str]], right: list[list[str]]) -> None:
    buckets = count_buckets(RecordKeys.from_words(left), RecordKeys.from_words(right))
    by_hand = {}
    for word in "abcdefg":
        n_left, n_right = (sum(word in record_words for record_words in side) for side in (left, right))
        if n_left * n_right:
            by_hand[digest_word(word)] = n_left * n_right
    assert dict(zip(buckets.keys.tolist(), buckets.comparisons.tolist(), strict=True)) == by_hand


def test_scope_is_respected() -> None:
    keys = RecordKeys.from_words([["a"], ["a"], ["a"]])
    scope = make_scope(3, 3, own_rows=np.array([0, 1, 2]), mask=np.array([True, True, False]))
    assert list_pairs(join(keys, keys, scope)) == [(0, 1), (1, 0), (2, 0), (2, 1)]


def test_one_table_counts_a_pair_once() -> None:
    keys = RecordKeys.from_words([["a"], ["a"], ["a", "b"], ["b"]])
    buckets = count_buckets(keys, keys, same_side=True)
    assert sorted(buckets.comparisons.tolist()) == [1, 3]
    assert sorted(buckets.sizes.tolist()) == [2, 3]


def test_equal_buckets_of_different_tables_are_different_keys() -> None:
    buckets = np.array([[5, 7], [7, 5]], np.uint64)
    keys = RecordKeys.from_tables(buckets, np.arange(2))
    assert len(join(keys.select(np.array([True, True, False, False])), keys, make_scope(2, 2))) == 1  # itself only


def test_digests_of_columns_tell_order_and_length() -> None:
    rows = np.array([[1, 2], [2, 1], [0, 0]])
    assert len(set(combine_columns(rows).tolist())) == 3
    assert combine_columns(np.array([[1]]))[0] != combine_columns(np.array([[1, 0]]))[0]


def test_50_000_equal_records_are_counted_not_compared() -> None:
    """One giant block: 2.5 billion comparisons that a bound leaves out, all of them counted."""
    keys = RecordKeys.from_loose(np.arange(50_000), np.full(50_000, 9, np.uint64), 50_000)
    left, right, counts = purge_buckets(keys, keys, smoothing=None, ratio=None, most=1000)
    assert (counts.buckets, counts.comparisons, counts.purged_buckets, counts.kept_comparisons) == (
        1,
        2_500_000_000,
        1,
        0,
    )
    assert len(join(left, right, make_scope(50_000, 50_000))) == 0


@pytest.mark.parametrize("n", [0, 1])
def test_tables_of_no_record_and_of_one(n: int) -> None:
    keys = RecordKeys.from_words([["a"]] * n)
    left, right, counts = purge_buckets(keys, keys)
    assert len(join(left, right, make_scope(n, n))) == n
    assert counts.comparisons == n


def test_purging_by_hand() -> None:
    """Levels 1, 2 and 100: BC 6, 9, 29 and CC 3, 5, 105. Down from 100: 9 · 105 = 945 < 1.025 · 5 · 29 = 148.6 is false,
    so 100 is not the bound; 6 · 5 = 30 < 1.025 · 3 · 9 = 27.7 is false, so neither is 2; the least level is left."""
    sides = [1, 1, 1, 1, 10], [1, 1, 1, 2, 10]
    rows = [np.concatenate([np.arange(count) for count in counts]) for counts in sides]
    keys = [np.repeat(np.arange(5), counts).astype(np.uint64) for counts in sides]
    left, right = (RecordKeys.from_loose(row, key, 10) for row, key in zip(rows, keys, strict=True))
    buckets = count_buckets(left, right)
    assert sorted(buckets.comparisons.tolist()) == [1, 1, 1, 2, 100]
    assert find_greatest_cardinality(buckets) == 1
    assert find_greatest_cardinality(buckets, smoothing=7.0) == 100
    assert find_greatest_cardinality(buckets.select(np.zeros(5, np.bool_))) == 0


def test_filtering_keeps_the_smallest_blocks() -> None:
    """Of record 0's five blocks, by comparisons 1, 1, 1, 1, 9, the first round(0.8 · 5) = 4."""
    left = RecordKeys.from_words([list("abcdx"), ["x"], ["x"]])
    right = RecordKeys.from_words([[letter] for letter in "abcdxxx"])
    filtered, _, _ = purge_buckets(left, right, smoothing=None, ratio=0.8)
    assert filtered.counts.tolist() == [4, 1, 1]
    assert digest_word("x") not in filtered.keys[: filtered.offsets[1]].tolist()
