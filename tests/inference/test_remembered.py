"""Every text and every pair once: what a memo knows is not computed again, and what comes out is the same."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank.algebra.context import Context
from nirank.algebra.pipeline import Pipeline
from nirank.base.memo import hash_texts
from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.inference import encoder, late, models, pair_scores, remembered, sparse
from nirank.inference.encoder import Encoding, encode
from nirank.inference.late import TokenEncoding, maxsim
from nirank.inference.pair_scores import PairScoring, score_pairs
from nirank.inference.sparse import SparseEncoding, encode_sparse
from nirank.inference.sparse_memo import PART, SparseMemo
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.stages.max_sim import MaxSim
from nirank.store import LocalStore


@pytest.fixture(scope="module")
def bi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_bi_encoder(tmp_path_factory.mktemp("bi"))


@pytest.fixture(scope="module")
def cross(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_cross_encoder(tmp_path_factory.mktemp("cross"), 1)


def draw_texts(n: int, seed: int = 0) -> list[str]:
    """Make texts of 1 to 30 words, some of them longer than a small model reads."""
    random = np.random.default_rng(seed)
    return [" ".join(f"w{w}" for w in random.integers(0, 60, random.integers(1, 30))) for _ in range(n)]


class Spy:
    """Which texts a model was given to encode, and which pairs to score."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self.pairs = 0
        shard, forward, tokens = encoder._encode_shard, pair_scores._compute_logits, late._encode_tokens

        def encode_shard(model: Any, texts: Any, *arguments: Any) -> Any:
            self.texts += texts
            return shard(model, texts, *arguments)

        def score(model: Any, padded: Any, column: int) -> Any:
            self.pairs += len(padded["input_ids"])
            return forward(model, padded, column)

        def token_vectors(model: Any, texts: Any, side: str, *arguments: Any) -> Any:
            self.texts += texts
            return tokens(model, texts, side, *arguments)

        monkeypatch.setattr(encoder, "_encode_shard", encode_shard)
        monkeypatch.setattr(pair_scores, "_compute_logits", score)
        monkeypatch.setattr(late, "_encode_tokens", token_vectors)

    def clear(self) -> None:
        self.texts.clear()
        self.pairs = 0


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    return Spy(monkeypatch)  # type: ignore[return-value]


def encode_texts(folder: Path, texts: list[str], how: Encoding, store: LocalStore) -> tuple[np.ndarray, Context]:
    folder.mkdir(parents=True)
    context = Context(device="cpu", open_memo=store.open_memo)
    encode(iter(texts), len(texts), how, folder, context)
    return np.load(folder / "vectors.npy"), context


def test_one_text_added_in_the_middle_is_the_one_that_is_encoded(bi: Path, tmp_path: Path, spy: Spy) -> None:
    store, how = LocalStore(tmp_path / "store"), Encoding(models.resolve_model(str(bi)))
    texts = draw_texts(50)
    before, context = encode_texts(tmp_path / "a", texts, how, store)
    assert sorted(spy.texts) == sorted(set(texts))
    spy.clear()
    after, second_context = encode_texts(
        tmp_path / "b", [*texts[:20], "w1 w2 w3 new", *texts[20:]], how, LocalStore(store.root)
    )
    assert spy.texts == ["w1 w2 w3 new"]
    assert np.array_equal(np.delete(after, 20, axis=0), before)
    assert second_context.counts == context.counts
    assert second_context.declared == context.declared
    assert dict(second_context.memo_use) == {
        "found": 50, "found_s": pytest.approx(context.memo_use["computed_s"]),
        "computed": 1, "computed_s": pytest.approx(0, abs=1),
    }  # fmt: skip


def test_other_ways_to_encode_are_other_spaces_and_storage_is_none(bi: Path, tmp_path: Path, spy: Spy) -> None:
    store, how = LocalStore(tmp_path / "store"), Encoding(models.resolve_model(str(bi)))
    texts = draw_texts(5)
    plain, _ = encode_texts(tmp_path / "plain", texts, how, store)
    for name, changed in {
        "prompt": {"prompt": "w5 "}, "max_length": {"max_length": 8}, "pooling": {"pooling": "cls"},
        "normalise": {"normalise": True}, "precision": {"precision": "bfloat16"},
    }.items():  # fmt: skip
        spy.clear()
        encode_texts(tmp_path / name, texts, dataclasses.replace(how, **changed), store)
        assert len(spy.texts) == 5, name
    spy.clear()
    half, _ = encode_texts(
        tmp_path / "half", texts, dataclasses.replace(how, storage="float16", batch_tokens=99), store
    )
    assert spy.texts == []
    assert np.array_equal(half, plain.astype(np.float16))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_trap_41_an_interrupted_encoding_goes_on_where_it_was_and_ends_with_the_same_bytes(
    at: int, bi: Path, tmp_path: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SHARD_TEXTS", 13)
    monkeypatch.setattr(remembered, "SHARD_CHARACTERS", 900)
    monkeypatch.setattr(remembered, "_LOOK_UP_TEXTS", 10)
    texts = [*draw_texts(40), *draw_texts(12), ""]  # the first twelve once more, and nothing
    how = Encoding(models.resolve_model(str(bi)))
    uninterrupted, _ = encode_texts(tmp_path / "whole", texts, how, LocalStore(tmp_path / "other"))
    assert len(spy.texts) == 41
    store, shards = LocalStore(tmp_path / "store"), []
    keep = store.open_memo({"embeddings": how.to_memo_space()}, np.dtype([("vector", "<f4", (16,)), ("tokens", "<u4")]))
    put = keep.put

    def interrupt(*arguments: Any) -> Any:
        if len(shards) == at:
            raise KeyboardInterrupt
        shards.append(len(arguments[0]))
        return put(*arguments)

    keep.put = interrupt  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        encode_texts(tmp_path / "cut", texts, how, store)
    spy.clear()
    resumed, _ = encode_texts(tmp_path / "resumed", texts, how, LocalStore(store.root))
    assert len(spy.texts) == 41 - sum(shards), "no finished shard is repeated"
    assert resumed.tobytes() == uninterrupted.tobytes()


def test_equal_texts_of_different_shards_get_equal_vectors(
    bi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SHARD_TEXTS", 3)
    texts = draw_texts(20)
    encoded, _ = encode_texts(
        tmp_path / "v", texts + texts[::-1], Encoding(models.resolve_model(str(bi))), LocalStore(tmp_path)
    )
    assert np.array_equal(encoded[:20], encoded[20:][::-1])


QUERIES, DOCS = draw_texts(4, 1), [*draw_texts(9, 2), "", "w1"]
ALL = np.argwhere(np.ones((len(QUERIES), len(DOCS))))


def score(kind: str, bi: Path, cross: Path, store: LocalStore, pairs: np.ndarray) -> tuple[np.ndarray, Context]:
    context = Context(device="cpu", open_memo=store.open_memo)
    if kind == "cross_encoder":
        how = PairScoring(models.resolve_model(str(cross)), max_length=24)
        return score_pairs(QUERIES, DOCS, pairs, how, context), context
    return maxsim(QUERIES, DOCS, pairs, TokenEncoding(models.resolve_model(str(bi)), max_length=20), context), context


@pytest.mark.parametrize("kind", ["cross_encoder", "max_sim"])
def test_just_the_missing_pairs_are_scored(kind: str, bi: Path, cross: Path, tmp_path: Path, spy: Spy) -> None:
    expected, _ = score(kind, bi, cross, LocalStore(tmp_path / "other"), ALL)
    store = LocalStore(tmp_path / "store")
    first, _ = score(kind, bi, cross, store, ALL[:20])
    spy.clear()
    scores, context = score(kind, bi, cross, LocalStore(store.root), ALL)
    assert (context.memo_use["found"], context.memo_use["computed"]) == (20, len(ALL) - 20)
    assert scores[:20].tobytes() == first.tobytes()
    assert np.abs(scores - expected).max() < 1e-5
    if kind == "cross_encoder":
        assert spy.pairs == len(ALL) - 20
    spy.clear()
    reversed_scores, second_context = score(kind, bi, cross, LocalStore(store.root), ALL[::-1])
    assert reversed_scores.tobytes() == scores[::-1].tobytes()
    assert (spy.pairs, spy.texts) == (0, [])
    assert second_context.counts == context.counts, "what was cut is said though nothing was computed"
    assert context.counts["truncated_documents"]


@pytest.mark.parametrize("kind", ["cross_encoder", "max_sim"])
def test_trap_41_interrupted_pair_scoring_ends_with_the_same_bytes(
    kind: str, bi: Path, cross: Path, tmp_path: Path, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_scores, "_SHARD_PAIRS", 7)
    monkeypatch.setattr(late, "_SHARD_DOCS", 3)
    uninterrupted, _ = score(kind, bi, cross, LocalStore(tmp_path / "other"), ALL)
    store = LocalStore(tmp_path / "store")
    original, n_kept = type(store.open_memo({}, np.dtype("<f4"))).put, []

    def put(self: Any, keys: Any, rows: Any, seconds: float) -> Any:
        if rows.dtype == np.dtype("<f4"):
            if len(n_kept) == 2:
                raise KeyboardInterrupt
            n_kept.append(len(keys))
        return original(self, keys, rows, seconds)

    monkeypatch.setattr(type(store.open_memo({}, np.dtype("<f4"))), "put", put)
    with pytest.raises(KeyboardInterrupt):
        score(kind, bi, cross, store, ALL)
    monkeypatch.setattr(type(store.open_memo({}, np.dtype("<f4"))), "put", original)
    resumed, context = score(kind, bi, cross, LocalStore(store.root), ALL)
    assert context.memo_use["found"] == sum(n_kept) > 0
    assert resumed.tobytes() == uninterrupted.tobytes()


def test_pairs_of_equal_texts_are_scored_once(bi: Path, cross: Path, tmp_path: Path, spy: Spy) -> None:
    how = PairScoring(models.resolve_model(str(cross)))
    context = Context(device="cpu", open_memo=LocalStore(tmp_path).open_memo)
    scores = score_pairs(["w1", "w1"], ["w2 w3", "w2 w3"], np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), how, context)
    assert spy.pairs == 1
    assert len(set(scores.tolist())) == 1


def test_scores_that_are_not_finite_are_not_kept(
    bi: Path, cross: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(
            pair_scores, "_compute_logits", lambda model, padded, column: np.full(len(padded["input_ids"]), np.nan)
        )
        with pytest.raises(models.ModelError, match="scores not finite"):
            score("cross_encoder", bi, cross, LocalStore(tmp_path), ALL)
    assert np.isfinite(score("cross_encoder", bi, cross, LocalStore(tmp_path), ALL)[0]).all()


# -- sparse vectors --------------------------------------------------------------------------------


def make_row(n_terms: int, tokens: int) -> tuple[np.ndarray, np.ndarray, int]:
    return np.arange(n_terms, dtype=np.int32) * 3, np.arange(n_terms, dtype=np.float32) + 0.5, tokens


def test_terms_of_any_number_are_kept_in_parts(tmp_path: Path) -> None:
    sizes = [0, 1, 31, 32, 33, 64, 65, 500]
    rows = np.empty(len(sizes), object)
    for at, n in enumerate(sizes):
        rows[at] = make_row(n, n + 2)
    keys = hash_texts(map(str, sizes))
    SparseMemo(LocalStore(tmp_path).open_memo({"s": 1}, PART)).put(keys, rows, 8.0)
    memo = SparseMemo(LocalStore(tmp_path).open_memo({"s": 1}, PART))
    is_stored, stored = memo.get(np.concatenate((hash_texts(["other"]), keys[::-1])))
    assert is_stored.tolist() == [False] + [True] * len(sizes)
    for n, (ids, weights, tokens) in zip(sizes[::-1], stored, strict=True):
        assert ids.tolist() == make_row(n, 0)[0].tolist() and weights.tolist() == make_row(n, 0)[1].tolist()
        assert tokens == n + 2
    assert memo.rate == pytest.approx(1.0)
    assert memo.get(keys[:0])[0].tolist() == []


def test_a_text_that_lacks_a_part_is_not_there(tmp_path: Path) -> None:
    parts = LocalStore(tmp_path).open_memo({"s": 1}, PART)
    vector = np.empty(1, object)
    vector[0] = make_row(100, 7)
    parts_put: list[Any] = []
    original = parts.put
    parts.put = lambda keys, rows, seconds: parts_put.append((keys, rows))  # type: ignore[method-assign]
    SparseMemo(parts).put(hash_texts(["t"]), vector, 1.0)
    ((keys, rows),) = parts_put
    original(keys[[0, 1, 3]], rows[[0, 1, 3]], 1.0)
    assert SparseMemo(parts).get(hash_texts(["t", "u"]))[0].tolist() == [False, False]


def encode_terms(folder: Path, texts: list[str], model: Path, store: LocalStore) -> tuple[bytes, Context]:
    folder.mkdir(parents=True)
    context = Context(device="cpu", open_memo=store.open_memo)
    encode_sparse(
        iter(texts), len(texts), SparseEncoding(models.resolve_model(str(model)), "document"), folder, context
    )
    return b"".join((folder / f"{name}.npy").read_bytes() for name in ("offsets", "terms", "weights")), context


def test_sparse_vectors_are_remembered_and_interrupted_ones_end_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "splade").mkdir()
    model = tiny_models.make_splade(tmp_path / "splade")
    monkeypatch.setattr(remembered, "SHARD_TEXTS", 8)
    texts = [*draw_texts(30), "", *draw_texts(5)]
    uninterrupted, context = encode_terms(tmp_path / "whole", texts, model, LocalStore(tmp_path / "other"))
    store, original, calls = LocalStore(tmp_path / "store"), sparse._encode_shard, []

    def interrupt(*arguments: Any) -> Any:
        calls.append(arguments[1])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(sparse, "_encode_shard", interrupt)
    with pytest.raises(KeyboardInterrupt):
        encode_terms(tmp_path / "cut", texts, model, store)
    resumed, second_context = encode_terms(tmp_path / "resumed", texts, model, LocalStore(store.root))
    assert resumed == uninterrupted
    assert sum(map(len, calls[3:])) == 31 - 16
    assert second_context.counts == context.counts
    added, _ = encode_terms(tmp_path / "added", ["w1 new", *texts], model, LocalStore(store.root))
    assert calls[-1] == ["w1 new"]
    assert np.load(tmp_path / "added" / "offsets.npy")[1] > 0 and len(added) > len(uninterrupted)


# -- found across systems, collections and runs ----------------------------------------------------


def make_collection(docs: list[str], queries: list[str], name: str = "one") -> Collection:
    return Collection.of(
        {f"d{i}": text for i, text in enumerate(docs)},
        {f"q{i}": text for i, text in enumerate(queries)},
        {"q0": {"d0": 1}},
        name=name,
    )


def run(store: Path, systems: dict[str, Pipeline], docs: list[str] = DOCS, queries: list[str] = QUERIES) -> Any:
    result = Experiment(
        make_collection(docs, queries), systems, ["nDCG@10"], store=LocalStore(store), device="cpu"
    ).run()
    assert not result.failed, result.rows
    return result


def test_another_collection_finds_texts_and_pairs_that_it_shares(
    bi: Path, cross: Path, tmp_path: Path, spy: Spy
) -> None:
    systems = {"Dense": Dense(str(bi)), "Cross": BM25() >> CrossEncoder(str(cross)), "Late": BM25() >> MaxSim(str(bi))}
    run(tmp_path, systems)
    spy.clear()
    run(tmp_path, systems, docs=DOCS[::-1][2:], queries=QUERIES[:2])
    assert (spy.texts, spy.pairs) == ([], 0)


def test_trap_40_eight_changes_are_eight_misses_and_no_change_is_none(
    bi: Path, cross: Path, tmp_path: Path, spy: Spy
) -> None:
    """k1, model, query prompt, document template, maximum length, precision, a document's text, a query's text."""
    other_model = tiny_models.make_bi_encoder(tmp_path / "other-bi", seed=6)

    def list_labels(
        k1: float = 0.9, model: Path = bi, docs: list[str] = DOCS, queries: list[str] = QUERIES, **options: Any
    ):  # type: ignore[no-untyped-def]
        spy.clear()
        systems = {"BM25": BM25(k1=k1), "Dense": Dense(str(model), **options)}
        result = run(tmp_path / "store", systems, docs, queries)
        return {label.partition("(")[0].partition(" of")[0] for label in result.computed}, len(spy.texts)

    filled = len({*QUERIES, *DOCS})
    all_labels, encoded = list_labels()
    assert (all_labels >= {"BM25", "vectors", "Dense"}, encoded) == (True, filled + 0)
    assert list_labels() == (set(), 0)
    assert list_labels(k1=1.2) == ({"BM25"}, 0)
    assert list_labels(model=other_model) == ({"vectors", "Dense"}, filled)
    assert list_labels(query_prompt="w9 ") == ({"vectors", "Dense"}, len(QUERIES))
    assert list_labels(doc_text="w8 {text}") == ({"vectors", "Dense"}, len(DOCS))
    assert list_labels(max_length=7) == ({"vectors", "Dense"}, filled)
    assert list_labels(precision="bfloat16") == ({"vectors", "Dense"}, filled)
    assert list_labels(docs=["w1 w2 changed", *DOCS[1:]])[1] == 1
    assert list_labels(queries=["w3 changed", *QUERIES[1:]])[1] == 1
    for repeated in ({}, {"k1": 1.2}, {"query_prompt": "w9 "}, {"precision": "bfloat16"}):
        assert list_labels(**repeated) == (set(), 0)  # type: ignore[arg-type]


def test_a_scorer_reads_each_document_once_for_all_lists_of_a_plan(bi: Path, tmp_path: Path, spy: Spy) -> None:
    late_ = MaxSim(str(bi))
    systems = {
        "One": BM25() % 3 >> late_, "Two": Dense(str(bi)) % 3 >> late_, "Less": Dense(str(bi)) % 2 >> late_,
        "Over": BM25() % 3 >> late_ >> late_, "Head": BM25() >> MaxSim(str(bi), depth=2),
    }  # fmt: skip
    together = run(tmp_path / "a", systems)
    docs_read = [text for text in spy.texts if text in DOCS and text.strip()]
    assert len(docs_read) == 2 * len(set(docs_read)), "once for vectors, once for token vectors"
    for name, pipeline in systems.items():
        single_run = run(tmp_path / name, {name: pipeline})
        expected, ranked = (result.ranking(name).to_dict() for result in (single_run, together))
        assert {q: list(scores) for q, scores in expected.items()} == {q: list(scores) for q, scores in ranked.items()}
        for q, scores in expected.items():
            assert list(scores.values()) == pytest.approx(list(ranked[q].values()), abs=1e-5)


def test_a_list_that_cannot_be_scored_fails_alone(
    bi: Path, cross: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = pair_scores._compute_logits

    def give_infinite_scores(model: Any, padded: Any, column: int) -> Any:
        scores = original(model, padded, column)
        return np.where(padded["input_ids"].numpy().shape[1] > 40, np.nan, scores)

    monkeypatch.setattr(pair_scores, "_compute_logits", give_infinite_scores)
    docs = ["w1 w2", "w1 w3", "w1 " + "w9 " * 50]
    systems = {"Two": BM25() % 2 >> CrossEncoder(str(cross)), "All": BM25() >> CrossEncoder(str(cross))}
    store = LocalStore(tmp_path)
    result = Experiment(make_collection(docs, ["w1"]), systems, ["nDCG@10"], store=store, device="cpu").run()
    assert [row.status for row in result.rows] == ["ok", "failed"]
    assert "scores not finite" in result.rows[1].error


# -- by worker processes ---------------------------------------------------------------------------


@pytest.mark.slow
def test_workers_give_what_this_process_gives_and_a_killed_one_loses_nothing(
    bi: Path, cross: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from nirank.engines import LocalEngine, local

    monkeypatch.setattr(remembered, "SHARD_TEXTS", 4)
    monkeypatch.setattr(pair_scores, "_SHARD_PAIRS", 7)
    monkeypatch.setattr(late, "_SHARD_DOCS", 3)
    systems = {"Dense": Dense(str(bi)), "Cross": BM25() >> CrossEncoder(str(cross)), "Late": BM25() >> MaxSim(str(bi))}
    local_run = run(tmp_path / "here", systems)
    engine, sent = LocalEngine(2), Counter[str]()
    original = local._Worker._send

    def kill_at_the_third(worker: Any, message: Any) -> None:
        original(worker, message)
        if message[0] == "do":
            opener = worker._open_work[0]
            sent[opener] += 1
            if sent[opener] == 3:
                worker._process.kill()

    monkeypatch.setattr(local._Worker, "_send", kill_at_the_third)
    store = LocalStore(tmp_path / "there")
    remote = Experiment(
        make_collection(DOCS, QUERIES), systems, ["nDCG@10"], store=store, device="cpu", engine=engine
    ).run()
    engine.close()
    assert not remote.failed, remote.rows
    assert len(sent) == 3 and min(sent.values()) > 3, "vectors, scores of pairs, and those of token vectors"
    assert caplog.text.count("a worker died") == 3
    assert all(row.cost.device_s for row in remote.rows), "workers tell the seconds of their device"
    for name in systems:
        expected, ranked = (result.ranking(name).to_dict() for result in (local_run, remote))
        for q, scores in expected.items():
            assert scores == pytest.approx(ranked[q], abs=1e-5)
    assert [row.counts for row in remote.rows] == [row.counts for row in local_run.rows]


def test_who_was_slower_works_with_the_value_that_is_kept(tmp_path: Path) -> None:
    """Both processes' vectors are then the same bytes, and so is what they make of them."""
    from nirank.inference.remembered import compute_locally, compute_missing_pairs, compute_missing_texts

    kind, keys = np.dtype("<f4"), hash_texts(["a", "b"])
    other_memo = LocalStore(tmp_path).open_memo({"s": 1}, kind)
    context = Context(open_memo=LocalStore(tmp_path).open_memo)
    values: dict[int, float] = {}

    def encode_slowly(texts: list[str]) -> np.ndarray:
        other_memo.put(hash_texts(["b"]), np.array([7], kind), 1.0)
        return np.array([1, 2], kind)

    compute_missing_texts(
        ["a", "b"],
        context.open_memo({"s": 1}, kind),
        compute_locally(encode_slowly),
        lambda at, rows: values.update(zip(at.tolist(), rows.tolist(), strict=True)),
        context,
    )
    assert values == {0: 1.0, 1: 7.0}

    def score_slowly(at: np.ndarray) -> np.ndarray:
        LocalStore(tmp_path).open_memo({"p": 1}, kind).put(keys[1:], np.array([9], kind), 1.0)
        return np.array([3, 4], kind)

    scores = compute_missing_pairs(
        keys, context.open_memo({"p": 1}, kind), lambda missing: [missing], compute_locally(score_slowly), kind, context
    )
    assert scores.tolist() == [3.0, 9.0]
    parts = LocalStore(tmp_path).open_memo({"t": 1}, PART)
    second_vector, first_vector = np.empty(1, object), np.empty(1, object)
    second_vector[0], first_vector[0] = make_row(33, 1), make_row(31, 2)
    SparseMemo(parts).put(keys[:1], first_vector, 1.0)
    (kept_vector,) = SparseMemo(parts).put(keys[:1], second_vector, 1.0)
    assert (
        kept_vector[0].tolist() == first_vector[0][0].tolist()
        and kept_vector[1].tolist() == first_vector[0][1].tolist()
    )
