"""A vocabulary merged by blocks is that of all terms sorted at once."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import make_postings

from nirank.flow.ids import Ids
from nirank.lexical import vocabularies
from nirank.lexical.range_statistics import gather_statistics

words = st.text("ab1é😀\uffff", min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(given_terms=st.lists(st.sets(words, max_size=15), max_size=5), block=st.integers(1, 40))
def test_blocks_of_any_size_give_one_vocabulary(given_terms: list[set[str]], block: int) -> None:
    tables = [sorted(terms, key=str.encode) for terms in given_terms]
    expected = sorted(set().union(*given_terms), key=str.encode)
    with patch.object(vocabularies, "BLOCK", block):
        merged = list(vocabularies.merge_vocabularies([Ids.of(table) for table in tables]))
    assert [term for one in merged for term in one.terms.to_pylist()] == expected
    assert [one.first for one in merged] == np.cumsum([0, *(len(one.terms) for one in merged)])[:-1].tolist()
    for at, table in enumerate(tables):
        assert [row for one in merged for row in range(len(table))[one.parts[at]]] == list(range(len(table)))
        assert [expected[row] for one in merged for row in one.places[at].tolist()] == table
    most = max(block // max(len(tables), 1), 1) * len(tables)
    assert all(sum(part.stop - part.start for part in one.parts) <= most for one in merged)


def test_counts_written_by_blocks_are_those_written_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    texts = [rng.integers(0, 90, 12).tolist() for _ in range(40)]
    ranges = {str(first): {"": make_postings(texts[first : first + 10], 10)} for first in range(0, 40, 10)}
    for block in (1 << 19, 9):
        (tmp_path / str(block)).mkdir()
        with patch.object(vocabularies, "BLOCK", block):
            gather_statistics(ranges, tmp_path / str(block))
    whole, blocks = tmp_path / str(1 << 19) / "0", tmp_path / "9" / "0"
    assert list(Ids.open(blocks)) == list(Ids.open(whole))
    for path in whole.glob("*.npy"):
        assert (blocks / path.name).read_bytes() == path.read_bytes()
