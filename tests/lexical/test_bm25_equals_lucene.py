"""BM25 gives Lucene's documents in Lucene's order with Lucene's float32 bits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lucene import Oracle

from nirank import Collection, Experiment, load, within
from nirank.collections.text_view import TextView
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.stages.bm25 import BM25
from nirank.stages.only import Only
from nirank.store import LocalStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def scifact(shared_data: Path, store: LocalStore) -> Collection:
    return load(shared_data / "beir" / "scifact" / "test", store=store)


@pytest.fixture(scope="module")
def oracle(scifact: Collection, tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    docs = scifact.docs
    fields = {name: docs.columns[name].to_pylist() for name in ("title", "text")}
    fields["whole"] = list(docs.read(TextView(("title", "text"))))
    return Oracle(tmp_path_factory.mktemp("lucene"), list(docs.ids), fields, "english")


def rank(collection: Collection, system: Any, store: LocalStore) -> Ranking:
    result = Experiment(collection, {"S": system}, ["nDCG@10"], store=store).run()
    assert not result.failed, result.rows[0].error
    return result.ranking("S")


def assert_equal(ranking: Ranking, expected: list[list[tuple[str, np.float32]]]) -> None:
    ids = Pairs.to_dict(ranking)
    for row, (query, lucene_list) in enumerate(ids.items()):
        assert lucene_list == [id for id, _ in expected[row]], query
        scores = ranking.scores[ranking.offsets[row] : ranking.offsets[row + 1]]
        assert scores.tobytes() == np.array([score for _, score in expected[row]], np.float32).tobytes(), query


@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.2, 0.75), (0.0, 1.0)])
def test_one_field(scifact: Collection, oracle: Oracle, store: LocalStore, k1: float, b: float) -> None:
    ranking = rank(scifact, BM25(k1=k1, b=b), store)
    assert ranking.scores.dtype == np.float32
    texts = list(scifact.queries.read(TextView("text")))
    assert_equal(ranking, oracle.search(texts, {"whole": 1.0}, 1000, k1, b))


@pytest.mark.parametrize("weights", [{"title": 1, "text": 1}, {"title": 2, "text": 1}, {"title": 0.3, "text": 0.7}])
def test_several_fields(scifact: Collection, oracle: Oracle, store: LocalStore, weights: Mapping[str, float]) -> None:
    texts = list(scifact.queries.read(TextView("text")))
    assert_equal(rank(scifact, BM25(fields=weights), store), oracle.search(texts, weights, 1000))


def test_whole_documents_as_queries(scifact: Collection, oracle: Oracle, store: LocalStore) -> None:
    docs = list(scifact.docs.read(TextView(("title", "text"))))
    texts = {"short": docs[0], "2,000 words": " ".join(docs[:10]), "60,000 words": " ".join(docs[:290])}
    assert len(texts["60,000 words"].split()) > 60_000
    long = Collection("long", scifact.docs, Collection.of({}, texts, check=False).queries)
    ranking = rank(long, BM25(k=100), store)
    assert_equal(ranking, oracle.search(list(texts.values()), {"whole": 1.0}, 100))


def test_ties_and_scope_on_made_up_texts(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    words = ["ant", "bee", "cow", "dog", "eel", "fox"]
    docs = {f"d{i:03}": " ".join(rng.choice(words, rng.integers(0, 6))) for i in range(400)}
    queries = {f"q{i}": " ".join(rng.choice(words, 3)) for i in range(20)} | {"none": "unicorn", "blank": ""}
    collection = Collection.of(docs, queries, {"q0": {"d000": 1}})
    store = LocalStore(tmp_path / "store")
    oracle = Oracle(tmp_path / "lucene", list(docs), {"text": list(docs.values())}, "whitespace")
    bm25 = BM25(analyzer="whitespace", k=37)
    expected = oracle.search(list(queries.values()), {"text": 1.0}, 37)
    assert_equal(rank(collection, bm25, store), expected)
    allowed = sorted(docs)[::3]
    full_ranking = rank(collection, BM25(analyzer="whitespace", k=400), store)
    masked = full_ranking.select(np.isin(full_ranking.docs.take(full_ranking.rows), allowed))
    scoped = rank(collection, within(Only(tuple(allowed)), BM25(analyzer="whitespace", k=400)), store)
    assert (scoped.rows.tolist(), scoped.scores.tolist()) == (masked.rows.tolist(), masked.scores.tolist())


def test_trap_20_lucenes_own_values_and_an_independent_formula(tmp_path: Path) -> None:
    docs = {"d0": "cat sat", "d1": "cat cat dog", "d2": "dog dog runs park cat", "d3": "unrelated text here", "d4": ""}
    collection = Collection.of(docs, {"q": "cat dog"}, {"q": {"d1": 1}})
    ranking = rank(collection, BM25(k1=1.5, b=0.75, analyzer="whitespace"), LocalStore(tmp_path))
    scores = ranking.to_dict()["q"]
    assert {doc: round(score, 4) for doc, score in scores.items()} == {"d1": 0.4962, "d2": 0.4525, "d0": 0.1725}
    assert list(scores) == ["d1", "d2", "d0"]
    texts = [text.split() for text in docs.values() if text]  # Lucene counts documents that have the field
    average = sum(map(len, texts)) / len(texts)
    for doc, score in scores.items():
        words = docs[doc].split()
        expected = 0.0
        for term in ("cat", "dog"):
            df, tf = sum(term in text for text in texts), words.count(term)
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            expected += idf * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * len(words) / average))
        assert score == pytest.approx(expected, abs=1e-6)


def test_trap_22_long_queries_and_odd_characters(tmp_path: Path) -> None:
    terms = [f"term{i}" for i in range(5000)]
    docs = {"a": "other words", "b": terms[-1], "c": "emoji 🎉 and \u05e9\u05dc\u05d5\u05dd"}
    queries = {"long": " ".join(terms) + " '/{}^~\" AND OR ( [", "odd": "?!", "rtl": "\u05e9\u05dc\u05d5\u05dd"}
    collection = Collection.of(docs, queries, {"long": {"b": 1}, "odd": {"a": 1}})
    result = Experiment(collection, {"S": BM25()}, ["RR"], store=LocalStore(tmp_path)).run()
    assert Pairs.to_dict(result.ranking("S")) == {"long": ["b"], "odd": [], "rtl": ["c"]}
    assert result.rows[0].counts["empty_queries"] == 1
    assert result.rows[0].measures["RR"] == 0.5


def test_trap_23_unknown_words_give_no_documents(tmp_path: Path) -> None:
    collection = Collection.of({"a": "x", "b": "y", "c": "z"}, {"q": "unknown words", "r": "x"}, {"q": {"a": 1}})
    ranking = rank(collection, BM25(k=5), LocalStore(tmp_path))
    assert Pairs.to_dict(ranking) == {"q": [], "r": ["a"]}
    assert ranking.depth is None  # nothing was cut: there are fewer documents than 5


@pytest.mark.parametrize(
    ("docs", "queries"),
    [({"a": "", "b": "y"}, {"q": "x"}), ({"a": "x"}, {"q": "", "r": "y"}), ({"a": "\x00 \ud800 x"}, {"q": "x \udc00"})],
)
def test_nothing_is_too_odd(tmp_path: Path, docs: dict[str, str], queries: dict[str, str]) -> None:
    docs = {id: text.encode("utf-8", "replace").decode() for id, text in docs.items()}
    queries = {id: text.encode("utf-8", "replace").decode() for id, text in queries.items()}
    collection = Collection.of(docs, queries, {"q": {"a": 1}})
    assert len(rank(collection, BM25(), LocalStore(tmp_path))) == int("x" in docs["a"] and "x" in queries["q"])


def test_k1_and_b_share_an_index_and_the_analyzer_does_not(tmp_path: Path) -> None:
    collection = Collection.of({"a": "running dogs"}, {"q": "runs"}, {"q": {"a": 1}})
    systems = {"A": BM25(), "B": BM25(k1=2.0, b=0.1), "C": BM25(analyzer="whitespace")}
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert sum(label.startswith("index") for label in result.computed) == 2
    assert [row.measures["RR"] for row in result.rows] == [1.0, 1.0, 0.0]


def test_an_index_in_several_chunks_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.lexical import postings

    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(["a", "b", "c", "d"], rng.integers(0, 9))) for _ in range(200)]
    for name, size in (("one", 10**6), ("many", 10)):
        monkeypatch.setattr(postings, "_CHUNK_TOKENS", size)
        (tmp_path / name).mkdir()
        postings.build_index({"": iter(texts)}, len(texts), "whitespace", tmp_path / name)
    for array in ("docs", "tfs", "offsets", "norms", "order"):
        one_chunk, many_chunks = (np.load(tmp_path / name / "0" / f"{array}.npy") for name in ("one", "many"))
        assert one_chunk.tobytes() == many_chunks.tobytes()


def test_length_bytes_are_lucenes() -> None:
    from nirank.lexical.jvm import load_java_class
    from nirank.lexical.postings import LENGTHS, encode_lengths

    small_float = load_java_class("org.apache.lucene.util.SmallFloat")
    lengths = np.array([0, 1, 39, 40, 41, 45, 100, 150, 300, 1000, 60_000, 2_000_000])
    assert encode_lengths(lengths).astype(np.int8).tolist() == [small_float.intToByte4(n) for n in lengths.tolist()]
    assert LENGTHS.tolist() == [small_float.byte4ToInt(np.uint8(byte).astype(np.int8).item()) for byte in range(256)]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"b": 1.5}, "b must be"),
        ({"k1": -1}, "k1 must be"),
        ({"analyzer": "englisch"}, "did you mean 'english'"),
        ({"fields": {}}, "fields need weights"),
        ({"fields": {"title": -1}}, "fields need weights"),
        ({"fields": {"title": 1}, "doc_text": "text"}, "give one"),
        ({"k": 0}, "k must be"),
        ({"k1": math.nan}, "finite"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        BM25(**options)
