"""Vectors are those of sentence-transformers' encode_query and encode_document, however a model is configured."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from variants import PROMPTS, VARIANTS, change_config, configure_plain, make_plain, store_as

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.errors import ModelError
from nirank.inference import models
from nirank.inference.encoder import encode
from nirank.stages.dense import Dense

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

TEXTS = ["w1", "w2 w3 w4 w5 W6", "w7 " * 20, "unknown words 🎉", "w8 w9 w10 w11 w12 w13 w14 w15", "W1 w1"]
SIDES = Sides(Node.leaf("texts", "q", "queries"), Node.leaf("texts", "d", "documents"), device="cpu")


def encode_sides(
    path: Path, out: Path, texts: list[str] = TEXTS, **options: Any
) -> dict[str, tuple[np.ndarray, Context]]:
    """Encode texts as queries and as documents, as a plan does."""
    by_side = {}
    for side, node in zip(
        ("document", "query"), Dense(str(path), **options).resolve_options(SIDES).plan_inputs(SIDES), strict=True
    ):
        (out / side).mkdir(parents=True)
        context = Context(device="cpu")
        encode(texts, len(texts), node.stage, out / side, context)
        by_side[side] = np.load(out / side / "vectors.npy"), context
    return by_side


def encode_by_library(path: Path, texts: list[str] = TEXTS) -> dict[str, np.ndarray]:
    import torch
    from sentence_transformers import SentenceTransformer

    options: dict[str, Any] = {"device": "cpu", "model_kwargs": {"dtype": torch.float32}}
    model = SentenceTransformer(str(path), **options)
    return {"query": model.encode_query(texts), "document": model.encode_document(texts)}


@pytest.mark.parametrize("name", VARIANTS)
def test_vectors_are_those_of_encode_query_and_encode_document(name: str, tmp_path: Path) -> None:
    path = VARIANTS[name](tmp_path)
    expected, by_side = encode_by_library(path), encode_sides(path, tmp_path / "out")
    for side, vectors in expected.items():
        assert by_side[side][0].shape == vectors.shape
        assert np.abs(by_side[side][0] - vectors).max() < 1e-5, side
        json.dumps(by_side[side][1].declared, allow_nan=False)


def test_variants_differ(tmp_path: Path) -> None:
    """What agrees must not agree because nothing was changed."""
    vectors_by_variant: dict[str, np.ndarray] = {}
    twin_of = {"dot": "plain", "truncated beyond its size": "plain", "a prompt of blanks": "plain", "lower case": "plain", "no modules": "plain",
            "no length": "plain", "a default prompt alone": "plain", "empty prompts, and a default": "plain",
            "the query's as default": "prompts"}  # fmt: skip
    for name, make in VARIANTS.items():
        by_side = encode_by_library(make(tmp_path / name))
        vectors = np.concatenate([by_side["query"].ravel(), by_side["document"].ravel()])
        twins = [
            earlier_name
            for earlier_name, earlier in vectors_by_variant.items()
            if earlier.shape == vectors.shape and np.allclose(earlier, vectors)
        ]
        assert (twin_of[name] in twins) if name in twin_of else not twins, (name, twins)
        vectors_by_variant[name] = vectors


def test_longer_than_the_positions_is_cut_there_and_counted(tmp_path: Path) -> None:
    """sentence-transformers fails on such texts: positions are read that the model does not have."""
    path = configure_plain("sentence_bert_config.json", max_seq_length=500)(tmp_path)
    texts = ["w1 " * 200, "w2"]
    vectors, context = encode_sides(path, tmp_path / "out", texts)["query"]
    change_config(path, "sentence_bert_config.json", max_seq_length=64)
    assert np.abs(vectors - encode_by_library(path, texts)["query"]).max() < 1e-5
    assert context.declared["max_length"] == 64
    assert (context.counts["truncated_texts"], context.counts["tokens_lost"]) == (1, 202 - 64)


def test_positions_of_a_roberta_begin_behind_its_padding(tmp_path: Path) -> None:
    from test_packed_layers import save_model

    save_model("roberta", "mean", tmp_path)
    path = tmp_path / "model"
    settings = json.loads((path / "config.json").read_text())
    n, first = settings["max_position_embeddings"], settings["pad_token_id"] + 1
    change_config(path, "sentence_bert_config.json", max_seq_length=n)
    vectors, context = encode_sides(path, tmp_path / "out", ["w1 " * 300])["query"]
    assert np.isfinite(vectors).all()
    assert context.declared["max_length"] == n - first
    with pytest.raises(ModelError, match=f"max_length {n} is more than its {n - first} positions"):
        encode_sides(path, tmp_path / "more", max_length=n)


def test_left_padding_that_moves_positions_is_refused(tmp_path: Path) -> None:
    """A BERT's vectors would depend on the longest text beside it, in sentence-transformers too."""
    path = configure_plain("tokenizer_config.json", padding_side="left")(tmp_path)
    with pytest.raises(
        ModelError, match="changes by .* with its neighbours in a batch; .* padding moves its positions"
    ):
        encode_sides(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "message"), [("plain", "mean"), ("cls and mean", "cls+mean"), ("no modules", "mean (guessed)")]
)
def test_the_pooling_is_on_the_row_and_a_guess_is_said(
    name: str, message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = VARIANTS[name](tmp_path)
    models.warn_guessed_pooling.cache_clear()
    with caplog.at_level(logging.WARNING, "nirank"):
        by_side = encode_sides(path, tmp_path / "out")
    assert by_side["query"][1].declared["pooling"] == message
    assert ("has no modules.json, so its pooling is guessed: mean" in caplog.text) is ("guessed" in message)
    caplog.clear()
    models.warn_guessed_pooling.cache_clear()
    named = encode_sides(path, tmp_path / "named", pooling="cls")
    assert named["query"][1].declared["pooling"] == "cls"
    assert "guessed" not in caplog.text


def test_a_truncated_model_says_so(tmp_path: Path) -> None:
    (vectors, context) = encode_sides(VARIANTS["truncated"](tmp_path), tmp_path / "out")["document"]
    assert vectors.shape[1] == context.declared["dimension"] == context.declared["truncate_dim"] == 8


def test_another_pooling_reads_tokens_as_before(tmp_path: Path) -> None:
    """Behind a head, and with prompts left out."""
    from sentence_transformers import SentenceTransformer

    for name in ("heads", "prompts that pooling leaves out"):
        path = VARIANTS[name](tmp_path / name)
        model = SentenceTransformer(str(path), device="cpu")
        model[1].pooling_mode = "max"
        by_side = encode_sides(path, tmp_path / name / "out", pooling="max")
        assert np.abs(by_side["query"][0] - model.encode_query(TEXTS)).max() < 1e-5


def test_prompts_that_belong_to_no_side_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    models.warn_idle_prompts.cache_clear()
    with caplog.at_level(logging.WARNING, "nirank"):
        encode_sides(VARIANTS["a prompt for passages"](tmp_path / "a"), tmp_path / "out")
        assert "its prompt 'passage' belong to neither side" in caplog.text
        caplog.clear()
        encode_sides(configure_plain(prompts=PROMPTS | {"passage": "w9 "})(tmp_path / "b"), tmp_path / "more")
        assert not caplog.text


def test_sides_that_are_read_alike_share_vectors(tmp_path: Path) -> None:
    leaf = Node.leaf("texts", "same", "texts")
    for name, alike in (("plain", True), ("routes", False), ("two towers", False), ("lengths of sides", False)):
        docs, queries = (
            Dense(str(VARIANTS[name](tmp_path / name))).resolve_options(SIDES).plan_inputs(Sides(leaf, leaf))
        )
        assert (docs == queries) is alike, name


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_precision_on_the_row_is_the_transformers(dtype: str, precision: str, tmp_path: Path) -> None:
    import torch

    from nirank.inference import encoder

    path = store_as(dtype)(tmp_path)
    content = models.resolve_model(str(path)).content
    model = encoder._load(path, content, None, None, None, precision, "cpu")  # type: ignore[arg-type]
    assert next(model.parameters()).dtype == getattr(torch, precision)
    declared = encode_sides(path, tmp_path / "out", precision=precision)["query"][1].declared
    assert declared["precision"] == precision


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sentence_transformers.models.CNN", "its module CNN is not offered; expected Asym, Dense"),
        ("sentence_transformers.models.WordEmbeddings", "its module WordEmbeddings is not offered"),
        ("sentence_transformers.models.BoW", "its module BoW is not offered"),
        ("modeling_own.Head", "its module modeling_own.Head is code that comes with the model"),
    ],
)
def test_what_is_not_run_is_one_sentence_before_anything_is_loaded(kind: str, words: str, tmp_path: Path) -> None:
    path = make_plain(tmp_path)
    entries = json.loads((path / "modules.json").read_text())
    entries[1]["type"] = kind
    (path / "modules.json").write_text(json.dumps(entries))
    with pytest.raises(ModelError) as error:
        Dense(str(path)).resolve_options(SIDES).plan_inputs(SIDES)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_an_activation_of_ones_own_is_refused(tmp_path: Path) -> None:
    """The library would take tanh instead, without a word."""
    path = VARIANTS["heads"](tmp_path)
    (head,) = [place for place in path.iterdir() if place.name.endswith("Dense")]
    change_config(head, "config.json", activation_function="own.Swish")
    with pytest.raises(ModelError, match=r"the activation own\.Swish of '3_Dense' is not one of torch's"):
        encode_sides(path, tmp_path / "out")


def test_a_length_for_a_model_without_a_transformer_is_refused(tmp_path: Path) -> None:
    path = VARIANTS["static"](tmp_path)
    with pytest.raises(ModelError, match="max_length 8 is of a transformer's tokens, and the model has none"):
        encode_sides(path, tmp_path / "a", max_length=8)
    with pytest.raises(ModelError, match="precision bfloat16 is of the transformer, and it has none"):
        encode_sides(path, tmp_path / "b", precision="bfloat16")
