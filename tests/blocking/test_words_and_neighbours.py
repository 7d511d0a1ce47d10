"""Words as blocks are made of, and windows over sorted keys."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.blocking.neighbourhood import join_neighbours, order_keys
from nirank.blocking.words import (
    cut_character_shingles,
    cut_qgrams,
    cut_suffixes,
    join_word_shingles,
    split_tokens,
)
from nirank.flow.ids import Ids
from nirank.flow.scope import Scope


def test_words() -> None:
    assert split_tokens("Sony DSC_W55, 7.2-Mega (É)!") == ["sony", "dsc", "w55", "7", "2", "mega", "é"]
    assert list(cut_qgrams("ab cdef", 3)) == ["ab", "cde", "def"]
    assert list(cut_suffixes("ab cdef", 3)) == ["ab", "cdef", "def"]
    assert list(join_word_shingles("a b c", 2)) == ["a b", "b c"]
    assert list(join_word_shingles("a", 2)) == ["a"]
    assert list(cut_character_shingles("Ab, cd", 4)) == ["ab c", "b cd"]
    assert list(cut_character_shingles("ab", 4)) == ["ab"]
    assert all(not list(cut) for cut in (split_tokens(" !"), cut_qgrams("", 2), join_word_shingles("", 2)))


keys = st.lists(st.text("abc ", max_size=3), max_size=8)


@given(keys, keys, st.integers(2, 6))
@settings(max_examples=200, deadline=None)
def test_windows_by_hand(queries: list[str], docs: list[str], window: int) -> None:
    line = sorted([(key, row, 0) for row, key in enumerate(docs) if key.strip()]
                  + [(key, row, 1) for row, key in enumerate(queries) if key.strip()])  # fmt: skip
    expected = {
        (entry[1], neighbour[1])
        for at, entry in enumerate(line)
        for place, neighbour in enumerate(line)
        if entry[2] == 1 and neighbour[2] == 0 and abs(at - place) < window
    }
    scope = Scope(Ids.of([f"q{row}" for row in range(len(queries))]), Ids.of([f"d{row}" for row in range(len(docs))]))
    pairs = join_neighbours([order_keys(queries, docs)], window, scope)
    assert list(zip(pairs.query_rows.tolist(), pairs.rows.tolist(), strict=True)) == sorted(expected)


def test_several_passes_add_up_and_scopes_hold() -> None:
    scope = Scope(Ids.of(["q"]), Ids.of(["a", "b"]), mask=np.array([True, False]))
    passes = [order_keys(["m"], ["l", "z"]), order_keys(["z"], ["", "z"])]
    assert join_neighbours(passes, 2, scope).to_dict() == {"q": ["a"]}
