"""Smoothed language models: by hand, by a formula written down again, and against Lucene's own similarities."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lucene import Oracle
from test_kernels import corpora, make_postings, small_numbers

from nirank import BM25, Collection, Experiment, LanguageModel, load
from nirank.collections.text_view import TextView
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.lexical import kernels
from nirank.lexical.analysis import Analyzer
from nirank.lexical.language_models import Smoothing, search_by_likelihood
from nirank.lexical.postings import LENGTHS, FieldPostings, Index, build_index, encode_lengths
from nirank.lexical.term_statistics import TermStatistics, count_terms
from nirank.store import LocalStore
from nirank.testing import check_stage

DOCS = {"a": "cat sat", "b": "cat cat dog", "c": "dog runs home late", "d": "park"}  # 10 tokens, 3 of them cat


def rank(docs: dict[str, str], query: str, **options: Any) -> dict[str, float]:
    collection = Collection.of(docs, {"q": query}, {"q": {"a": 1}})
    system = LanguageModel(analyzer="whitespace", **options)
    result = Experiment(collection, {"S": system}, ["AP"]).run()
    assert not result.failed, result.rows[0].error
    return dict(result.ranking("S").to_dict()["q"])


def test_jelinek_mercer_by_hand() -> None:
    # (1 - λ) / λ = 4. cat: p = 3/10, dog: p = 2/10.
    expected = {
        "b": math.log(1 + 4 * 2 / (3 * 0.3)) + math.log(1 + 4 * 1 / (3 * 0.2)),
        "a": math.log(1 + 4 * 1 / (2 * 0.3)),
        "c": math.log(1 + 4 * 1 / (4 * 0.2)),
    }
    scores = rank(DOCS, "cat dog unicorn")
    assert scores == pytest.approx(expected, rel=1e-6)
    assert list(scores) == ["b", "a", "c"]
    assert rank(DOCS, "cat cat dog", lam=0.5)["a"] == pytest.approx(2 * math.log(1 + 1 / (2 * 0.3)), rel=1e-6)


def test_dirichlet_by_hand_differs_from_the_likelihood_by_a_constant() -> None:
    scores = rank(DOCS, "cat dog dog unicorn", smoothing="dirichlet", mu=5)
    assert scores["a"] == pytest.approx(math.log(1 + 1 / (5 * 0.3)) + 3 * math.log(5 / 7), rel=1e-6)
    likelihoods = {}
    for doc in ("a", "b", "c"):
        words = DOCS[doc].split()
        smooth = {term: (words.count(term) + 5 * p) / (len(words) + 5) for term, p in (("cat", 0.3), ("dog", 0.2))}
        likelihoods[doc] = math.log(smooth["cat"]) + 2 * math.log(smooth["dog"])
    distances = [scores[doc] - likelihoods[doc] for doc in likelihoods]
    assert distances == pytest.approx([distances[0]] * 3, abs=1e-6)


def test_of_the_candidates_p_is_counted_in_what_the_query_may_be_given() -> None:
    collection = Collection.of(DOCS, {"q": "cat dog late", "r": "cat"}, {"q": {"a": 1}})
    pairs = Pairs.from_ids(collection.queries.ids, collection.docs.ids, {"q": ["a", "b"]}, source="test")
    index = make_index(DOCS)
    scope = Scope(collection.queries.ids, collection.docs.ids, pairs=pairs)
    tokens = [["cat", "dog", "late"], ["cat"]]
    got = search_by_likelihood(*index, tokens, scope, Smoothing(lam=0.2, candidates=True), None).to_dict()
    # cat: 3 of 5 tokens, dog: 1 of 5; no candidate has 'late'.
    b = math.log(1 + 4 * 2 / (3 * 0.6)) + math.log(1 + 4 * 1 / (3 * 0.2))
    assert got["q"] == pytest.approx({"b": b, "a": math.log(1 + 4 / (2 * 0.6))}, rel=1e-6)
    assert got["r"] == {}


def make_index(docs: dict[str, str]) -> tuple[FieldPostings, TermStatistics]:
    names = sorted({word for text in docs.values() for word in text.split()})
    numbered = make_postings([[names.index(word) for word in text.split()] for text in docs.values()], len(docs))
    terms = Ids.of([names[int(number)] for number in numbered.terms])
    field = FieldPostings(
        terms, *(getattr(numbered, n) for n in ("offsets", "docs", "tfs", "norms")), numbered.doc_count, numbered.tokens
    )
    return field, count_terms(field)


def compute_by_formula(
    field: FieldPostings,
    counts: TermStatistics,
    tokens: Sequence[str],
    rows: np.ndarray[Any, Any] | None,
    smoothing: Smoothing,
) -> np.ndarray[Any, Any]:
    """Return the scores of all documents, NaN for those without a term."""
    scores, length = np.full(len(counts.lengths), np.nan), 0
    for term, n in Counter(tokens).items():
        at = field.terms.find_row(term)
        if at < 0:
            continue
        tfs = np.zeros(len(scores))
        part = slice(*field.offsets[at : at + 2].tolist())
        tfs[field.docs[part]] = field.tfs[part]
        inside = np.arange(len(scores)) if rows is None or not smoothing.candidates else rows
        p = tfs[inside].sum() / max(counts.lengths[inside].sum(), 1)
        if p == 0:
            continue
        length += n
        hit = tfs > 0
        if smoothing.mu is None:
            assert smoothing.lam is not None
            part_scores = n * np.log(1 + (1 - smoothing.lam) / smoothing.lam * tfs[hit] / counts.lengths[hit] / p)
        else:
            part_scores = n * np.log(1 + tfs[hit] / (smoothing.mu * p))
        scores[hit] = np.nan_to_num(scores[hit]) + part_scores
    if smoothing.mu is not None:
        scores += length * np.log(smoothing.mu / (counts.lengths + smoothing.mu))
    return scores


@settings(max_examples=150, deadline=None)
@given(
    texts=corpora,
    queries=st.lists(st.lists(small_numbers, max_size=9), min_size=1, max_size=3),
    k=st.sampled_from([None, 1, 2, 10]),
    smoothing=st.sampled_from([Smoothing(lam=0.2), Smoothing(lam=0.9), Smoothing(mu=0.5), Smoothing(mu=1000)]),
    candidates=st.booleans(),
    restrict=st.sampled_from(["", "mask", "own", "pairs"]),
    block=st.sampled_from([64, 65_536]),
    seed=st.integers(0, 99),
)
def test_any_corpus(
    texts: list[list[int]],
    queries: list[list[int]],
    k: int | None,
    smoothing: Smoothing,
    candidates: bool,
    restrict: str,
    block: int,
    seed: int,
) -> None:
    n = len(texts)
    random = np.random.default_rng(seed)
    field = make_postings(texts, n)
    counts = count_terms(field)
    smoothing = Smoothing(smoothing.lam, smoothing.mu, candidates)
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
    tokens = [list(map(str, query)) for query in queries]
    with patch.object(kernels, "BLOCK", block):
        ranking = search_by_likelihood(field, counts, tokens, scope, smoothing, k)
    for query, terms in enumerate(tokens):
        rows = scope.list_rows(query)
        scores = compute_by_formula(field, counts, terms, rows, smoothing)
        inside = np.arange(n) if rows is None else rows
        expected = np.sort(scores[inside][~np.isnan(scores[inside])])[::-1][:k]
        part = slice(*ranking.offsets[query : query + 2].tolist())
        assert ranking.scores[part] == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert scores[ranking.rows[part]] == pytest.approx(ranking.scores[part], rel=1e-6, abs=1e-6)
        assert set(ranking.rows[part].tolist()) <= set(inside.tolist())
        ranks, best = docs.rank[ranking.rows[part]], ranking.scores[part]
        assert all(
            before > after
            for before, after in zip(*[list(zip(best, ranks, strict=True))[i:] for i in (0, 1)], strict=False)
        )


def test_skipping_on_many_documents() -> None:
    random = np.random.default_rng(5)
    n = 200_000  # several blocks
    rows = [np.flatnonzero(random.random(n) < share) for share in (0.9, 0.2, 0.01, 0.0005)]
    order = (0, 2, 1, 3)
    tfs = random.integers(1, 6, sum(map(len, rows))).astype(np.float32)
    lengths = np.bincount(np.concatenate([rows[at] for at in order]), tfs, n).astype(np.int64)
    field = FieldPostings(
        Ids.of(["common", "few", "often", "rare"]),
        np.cumsum([0, *(len(rows[at]) for at in order)]),
        np.concatenate([rows[at] for at in order]).astype(np.int32),
        tfs,
        encode_lengths(lengths),
        int((lengths > 0).sum()),
        int(lengths.sum()),
    )
    counts = count_terms(field)
    assert counts.lengths.tolist() == lengths.tolist()
    docs = Ids.of([f"{number:06}" for number in random.permutation(n)])
    queries = [["common", "rare"], ["common", "often", "few", "rare"], ["common"], ["rare", "common", "common"], []]
    scope = Scope(Ids.of(list("abcde")), docs)
    for smoothing in (Smoothing(lam=0.2), Smoothing(mu=1000), Smoothing(mu=3)):
        whole = search_by_likelihood(field, counts, queries, scope, smoothing, None)
        for k in (1, 10, 1000):
            assert search_by_likelihood(field, counts, queries, scope, smoothing, k) == whole.cut(k)
        scores = compute_by_formula(field, counts, queries[1], None, smoothing)
        part = slice(*whole.offsets[1:3].tolist())
        assert whole.scores[part] == pytest.approx(scores[whole.rows[part]], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "smoothing"), [("JelinekMercer", Smoothing(lam=0.2)), ("Dirichlet", Smoothing(mu=1000))]
)
def test_lucenes_similarities(shared_data: Path, tmp_path: Path, name: str, smoothing: Smoothing) -> None:
    """With Lucene's counts, lengths and cut the formula gives Lucene's scores; nirank's own differ by these alone."""
    collection = load(shared_data / "beir" / "scifact" / "test", store=LocalStore(tmp_path / "store"))
    texts = list(collection.docs.read(TextView(("title", "text"))))
    oracle = Oracle(tmp_path / "lucene", list(collection.docs.ids), {"whole": texts}, "english")
    (tmp_path / "index").mkdir()
    build_index({"": iter(texts)}, len(texts), "english", tmp_path / "index")
    field = Index.open(tmp_path / "index").fields[""]
    counts = count_terms(field)
    words = list(collection.queries.read(TextView("text")))[:40]
    scope = Scope(Ids.of([str(at) for at in range(len(words))]), collection.docs.ids)
    tokens = list(Analyzer("english").tokenize(words))
    parameter = smoothing.lam if smoothing.mu is None else smoothing.mu
    lucene = oracle.search(words, {"whole": 1.0}, 100, similarity=(f"LM{name}Similarity", parameter))
    ranking = search_by_likelihood(field, counts, tokens, scope, smoothing, 100)
    rows = {id: row for row, id in enumerate(collection.docs.ids)}
    lengths, shared = LENGTHS[field.norms], []
    for query, terms in enumerate(tokens):
        hits = [rows[id] for id, _ in lucene[query]]
        expected = np.zeros(len(hits))
        for term, n in Counter(terms).items():
            at = field.terms.find_row(term)
            if at < 0:
                continue
            tfs = np.zeros(len(texts))
            part = slice(*field.offsets[at : at + 2].tolist())
            tfs[field.docs[part]] = field.tfs[part]
            p = (counts.frequencies[at] + 1) / (field.tokens + 1)
            of_hits, of_lengths = tfs[hits], lengths[hits]
            if smoothing.mu is None:
                score = np.log(1 + (0.8 * of_hits / of_lengths) / (0.2 * p))
            else:
                score = np.log(1 + of_hits / (1000 * p)) + np.log(1000 / (of_lengths + 1000))
            expected += n * np.where(of_hits > 0, np.maximum(score, 0), 0)
        assert [score for _, score in lucene[query]] == pytest.approx(expected.tolist(), rel=1e-5)
        mine = set(ranking.rows[slice(*ranking.offsets[query : query + 2].tolist())].tolist())
        shared.append(len(mine & set(hits)) / len(hits))
    # Of each hundred so many are the same: rounded lengths alone hardly matter, Dirichlet's other sum does.
    assert np.mean(shared) == pytest.approx(0.99 if smoothing.mu is None else 0.864, abs=0.01)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"lam": 1.0}, "lam must be above 0 and below 1"),
        ({"lam": 0.0}, "lam must be above 0"),
        ({"mu": 100.0}, "mu is Dirichlet's"),
        ({"smoothing": "dirichlet", "lam": 0.1}, "lam is Jelinek-Mercer's"),
        ({"smoothing": "dirichlet", "mu": 0}, "mu must be above 0"),
        ({"smoothing": "dirichlett"}, "smoothing"),
        ({"collection": "all"}, "collection"),
        ({"analyzer": "englisch"}, "did you mean 'english'"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        LanguageModel(**options)


@pytest.mark.parametrize("options", [{}, {"smoothing": "dirichlet"}, {"smoothing": "dirichlet", "mu": 2.0}])
def test_laws(options: dict[str, Any]) -> None:
    check_stage(LanguageModel(**options))


def test_the_index_is_that_of_bm25(tmp_path: Path) -> None:
    collection = Collection.of(DOCS, {"q": "cat dog"}, {"q": {"b": 1}})
    systems = {"A": BM25(), "B": LanguageModel(), "C": LanguageModel(smoothing="dirichlet", collection="candidates")}
    result = Experiment(collection, systems, ["AP"], store=LocalStore(tmp_path)).run()
    assert sum(label.startswith("index") for label in result.computed) == 1
    assert sum(label.startswith("term counts") for label in result.computed) == 1
    assert [row.measures["AP"] for row in result.rows] == [1.0, 1.0, 1.0]
