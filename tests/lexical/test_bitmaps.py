"""Bitmaps say which documents have a term, and where its postings of them are."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from nirank.flow.ids import Ids
from nirank.lexical import bitmaps
from nirank.lexical.bitmap_loops import find_in_bitmap
from nirank.lexical.bitmaps import Bitmaps, write_bitmaps
from nirank.lexical.field_frequencies import combine_fields
from nirank.lexical.postings import FieldPostings


@pytest.mark.parametrize("n_docs", [0, 1, 63, 64, 65, 1000])
def test_each_posting_is_found_and_nothing_else(n_docs: int, tmp_path: Path) -> None:
    random = np.random.default_rng(n_docs)
    lists = [np.flatnonzero(random.random(n_docs) < share).astype(np.int32) for share in (1.0, 0.0, 0.5, 0.1)]
    offsets = np.cumsum([0, *map(len, lists)])
    with patch.object(bitmaps, "_LEAST", 1), patch.object(bitmaps, "_PIECE", 128):
        write_bitmaps(offsets, np.concatenate(lists), n_docs, tmp_path)
    written = Bitmaps.open(tmp_path)
    rows = written.find_rows(np.arange(len(lists)))
    assert (rows >= 0).tolist() == [len(docs) > 0 for docs in lists]
    for docs, row in zip(lists, rows.tolist(), strict=True):
        places = {doc: place for place, doc in enumerate(docs.tolist())}
        if row >= 0:
            found = [find_in_bitmap(written.words[row], written.preceding[row], doc) for doc in range(n_docs)]
            assert found == [places.get(doc, -1) for doc in range(n_docs)]


def test_only_frequent_terms_have_one(tmp_path: Path) -> None:
    sizes = [63, 64, 155, 156, 157]  # of 10,000 documents, of which one in 64 are 156.25
    docs = np.concatenate([np.arange(size, dtype=np.int32) for size in sizes])
    write_bitmaps(np.cumsum([0, *sizes]), docs, 10_000, tmp_path)
    assert Bitmaps.open(tmp_path).terms.tolist() == [4]
    write_bitmaps(np.cumsum([0, *sizes]), docs, 200, tmp_path)
    assert Bitmaps.open(tmp_path).terms.tolist() == [1, 2, 3, 4]


def test_postings_older_than_bitmaps_have_none(tmp_path: Path) -> None:
    assert Bitmaps.open(tmp_path).find_rows(np.array([0, 7])).tolist() == [-1, -1]


def test_combined_fields_have_them(tmp_path: Path) -> None:
    docs = np.arange(100, dtype=np.int32)
    field = FieldPostings(
        Ids.of(["often"]), np.array([0, 100]), docs, np.ones(100, np.float32), np.ones(100, np.uint8), 100, 100
    )
    combine_fields({"a": field}, {"a": 1.0}, {"a": 0.75}, tmp_path)
    assert FieldPostings.open(tmp_path).bitmaps.terms.tolist() == [0]
