"""The loops give what the formula gives, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from formula import search_by_formula
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank import load
from nirank.collections.text_view import TextView
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.lexical import kernels, scoring
from nirank.lexical.analysis import Analyzer
from nirank.lexical.bitmaps import NO_BITMAPS, Bitmaps, write_bitmaps
from nirank.lexical.postings import FieldPostings, Index, build_index, encode_lengths
from nirank.store import LocalStore


def check(fields: dict[str, FieldPostings], *args: Any, **options: Any) -> None:
    """Search, and compare with the formula."""
    ranking, expected = scoring.search(fields, *args, **options), search_by_formula(fields, *args, **options)
    assert ranking.depth == expected.depth
    assert ranking.offsets.tolist() == expected.offsets.tolist()
    assert ranking.rows.tolist() == expected.rows.tolist()
    assert ranking.scores.tobytes() == expected.scores.tobytes()


def make_postings(texts: Sequence[Sequence[int]], n_docs: int) -> FieldPostings:
    """Make postings of documents that are lists of term numbers."""
    names = sorted({str(term) for text in texts for term in text})
    docs: list[int] = []
    tfs: list[int] = []
    offsets = [0]
    for name in names:
        for row, text in enumerate(texts):
            if int(name) in text:
                docs.append(row)
                tfs.append(text.count(int(name)))
        offsets.append(len(docs))
    lengths = np.array([len(text) for text in texts], np.int64)
    return FieldPostings(
        Ids.of(names),
        np.array(offsets),
        np.array(docs, np.int32),
        np.array(tfs, np.float32),
        encode_lengths(lengths),
        int((lengths > 0).sum()),
        int(lengths.sum()),
    )


def with_aids(field: FieldPostings) -> FieldPostings:
    """Return postings of which each second term has bits, set one by one, and each its greatest tf."""
    n_docs = len(field.norms)
    terms = np.arange(0, len(field.terms), 2)
    words = np.zeros((len(terms), -(-n_docs // 64)), np.uint64)
    preceding = np.zeros(words.shape, np.int32)
    for row, term in enumerate(terms.tolist()):
        for doc in field.docs[field.offsets[term] : field.offsets[term + 1]].tolist():
            words[row, doc // 64] |= np.uint64(1 << doc % 64)
            preceding[row, doc // 64 + 1 :] += 1
    most_tfs = np.array([part.max() for part in np.split(field.tfs, field.offsets[1:-1])] if len(field.tfs) else [])
    return replace(field, bitmaps=Bitmaps(terms, words, preceding), most_tfs=most_tfs.astype(np.float32))


small_numbers = st.integers(0, 7)
corpora = st.integers(1, 150).flatmap(lambda n: st.lists(st.lists(small_numbers, max_size=12), min_size=n, max_size=n))


@settings(max_examples=150, deadline=None)
@given(
    title=corpora,
    queries=st.lists(st.lists(small_numbers, max_size=9), min_size=1, max_size=3),
    k=st.sampled_from([None, 1, 2, 10]),
    weights=st.sampled_from([{"a": 1.0}, {"a": 0.3}, {"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 1.0}]),
    k1b=st.sampled_from([(0.9, 0.4), (0.0, 1.0), (1.2, 0.75)]),
    restrict=st.sampled_from(["", "mask", "own", "pairs"]),
    block=st.sampled_from([64, 65_536]),
    aids=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_corpus(
    title: list[list[int]],
    queries: list[list[int]],
    k: int | None,
    weights: dict[str, float],
    k1b: tuple[float, float],
    restrict: str,
    block: int,
    aids: bool,
    seed: int,
) -> None:
    n = len(title)
    random = np.random.default_rng(seed)
    fields = {"a": make_postings(title, n), "b": make_postings([text[::2] for text in title], n)}
    if aids:
        fields = {name: with_aids(field) for name, field in fields.items()}
    docs = Ids.of([f"d{number}" for number in random.permutation(n)])
    query_ids = Ids.of([f"q{number}" for number in range(len(queries))])
    allowed = random.random((len(queries), n)) < 0.5
    q, d = np.nonzero(allowed)
    scope = {
        "": Scope(query_ids, docs),
        "mask": Scope(query_ids, docs, mask=allowed[0]),
        "own": Scope(query_ids, docs, own_rows=random.integers(-1, n, len(queries))),
        "pairs": Scope(query_ids, docs, pairs=Pairs.build(query_ids, docs, q, d, source="test")),
    }[restrict]
    tokens: list[Any] = [list(map(str, query)) for query in queries]
    tokens[0] = {str(term): 0.25 + term for term in queries[0]}  # weights of a query's own
    with patch.object(kernels, "BLOCK", block):
        check(fields, weights, tokens, scope, k1=k1b[0], b=k1b[1], k=k)


@pytest.mark.parametrize("k", [10, 1000, None])
def test_scifact(k: int | None, shared_data: Path, tmp_path: Path) -> None:
    collection = load(shared_data / "beir" / "scifact" / "test", store=LocalStore(tmp_path / "store"))
    doc_texts = list(collection.docs.read(TextView(("title", "text"))))
    (tmp_path / "index").mkdir()
    build_index({"": iter(doc_texts)}, len(doc_texts), "english", tmp_path / "index")
    fields = dict(Index.open(tmp_path / "index").fields)
    assert len(fields[""].bitmaps.terms) > 100
    texts = [*collection.queries.read(TextView("text")), " ".join(doc_texts[:200])]
    tokens = list(Analyzer("english").tokenize(texts))
    scope = Scope(Ids.of([str(at) for at in range(len(texts))]), collection.docs.ids)
    check(fields, {"": 1.0}, tokens, scope, k1=0.9, b=0.4, k=k)


def test_blocks_and_skipping_on_many_documents(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    n = 200_000  # several blocks, and most of the common term's postings skipped
    rows = [np.flatnonzero(random.random(n) < share) for share in (0.9, 0.2, 0.01, 0.0005)]
    field = FieldPostings(
        Ids.of(["common", "few", "often", "rare"]),
        np.cumsum([0, *(len(rows[at]) for at in (0, 2, 1, 3))]),
        np.concatenate([rows[at] for at in (0, 2, 1, 3)]).astype(np.int32),
        random.integers(1, 6, sum(map(len, rows))).astype(np.float32),
        random.integers(1, 60, n).astype(np.uint8),
        n,
        30 * n,
    )
    docs = Ids.of([f"{number:06}" for number in random.permutation(n)])
    queries = [["common", "rare"], ["common", "often", "few", "rare"], ["common"], ["rare", "common", "common"], []]
    scope = Scope(Ids.of(list("abcde")), docs)
    write_bitmaps(field.offsets, field.docs, n, tmp_path)
    for bitmaps in (NO_BITMAPS, Bitmaps.open(tmp_path)):
        assert bitmaps.terms.tolist() == ([0, 2] if len(bitmaps.terms) else [])
        for k in (1, 10, 1000):
            check({"": replace(field, bitmaps=bitmaps)}, {"": 1.0}, queries, scope, k1=0.9, b=0.4, k=k)
