"""Sparse vectors, pair scores and late interaction are those of sentence-transformers, by a model's own configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from variants import change_config, configure_plain, store_as

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.errors import ModelError
from nirank.inference import models
from nirank.inference.late import TokenEncoding, maxsim
from nirank.inference.pair_scores import ACTIVATIONS
from nirank.inference.sparse import SparseEncoding, encode_sparse
from nirank.stages.cross_encoder import CrossEncoder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

TEXTS = ["w1", "w2 w3 w4 w5", "w7 " * 20, "unknown words"]
PAIRS = np.argwhere(np.ones((len(TEXTS), len(TEXTS))))
PROMPTS = {"query": "w40 ", "document": "w41 w42 "}
Maker = Callable[[Path], Path]


def make_splade(folder: Path, pooling: dict[str, Any] | None = None, **options: Any) -> Path:
    """Make a sparse encoder."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    (folder / "masked").mkdir(parents=True)
    encoder = SparseEncoder(str(tiny_models.make_splade(folder / "masked")), device="cpu", **options)
    if pooling is not None:
        encoder[1] = SpladePooling(**pooling)
    encoder.save_pretrained(str(folder / "made"))
    return folder / "made"


def make_without_inference(folder: Path) -> Path:
    """Make a sparse encoder whose queries are looked up in a table."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sentence_transformer.modules import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    (folder / "masked").mkdir(parents=True)
    body = SparseEncoder(str(tiny_models.make_splade(folder / "masked")), device="cpu")
    torch.manual_seed(4)
    table = SparseStaticEmbedding(tokenizer=body.tokenizer, weight=torch.rand(len(body.tokenizer)))
    encoder = SparseEncoder(modules=[Router.for_query_document([table], list(body))], device="cpu")
    encoder.save_pretrained(str(folder / "made"))
    return folder / "made"


SPARSE: dict[str, Maker] = {
    "plain": make_splade,
    "prompts": lambda folder: make_splade(folder, prompts=PROMPTS),
    "few terms": lambda folder: make_splade(folder, max_active_dims=5),
    "another activation": lambda folder: make_splade(folder, {"activation_function": "log1p_relu"}),
    "sums": lambda folder: make_splade(folder, {"pooling_strategy": "sum"}),
    "a table for queries": make_without_inference,
}


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_vectors(name: str, tmp_path: Path) -> None:
    from sentence_transformers import SparseEncoder

    path = SPARSE[name](tmp_path)
    model = SparseEncoder(str(path), device="cpu")
    for side, encode in (("query", model.encode_query), ("document", model.encode_document)):
        expected = encode(TEXTS, convert_to_sparse_tensor=False).numpy()
        (tmp_path / side).mkdir()
        how = SparseEncoding(models.resolve_model(str(path)), side)  # type: ignore[arg-type]
        encode_sparse(TEXTS, len(TEXTS), how, tmp_path / side, Context(device="cpu"))
        offsets, terms, weights = (
            np.load(tmp_path / side / f"{array}.npy") for array in ("offsets", "terms", "weights")
        )
        weights_by_term = np.zeros_like(expected)
        weights_by_term[np.repeat(np.arange(len(TEXTS)), np.diff(offsets)), terms] = weights
        assert np.abs(weights_by_term - expected).max() < 1e-5, side


def test_a_sparse_encoder_of_another_similarity_is_refused(tmp_path: Path) -> None:
    path = make_splade(tmp_path)
    change_config(path, "config_sentence_transformers.json", similarity_fn_name="cosine")
    with pytest.raises(ModelError, match="compares by cosine; sparse vectors are compared by dot product only"):
        how = SparseEncoding(models.resolve_model(str(path)), "query")
        encode_sparse(TEXTS, len(TEXTS), how, tmp_path, Context(device="cpu"))


def make_cross_encoder(folder: Path, labels: int = 1, **changed: Any) -> Path:
    """Make a cross-encoder, as sentence-transformers saves it."""
    from sentence_transformers import CrossEncoder as Theirs

    (folder / "bare").mkdir(parents=True)
    model = Theirs(str(tiny_models.make_cross_encoder(folder / "bare", labels)), device="cpu", max_length=64)
    model.save_pretrained(str(folder / "made"))
    if changed:
        change_config(folder / "made", "config_sentence_transformers.json", **changed)
    return folder / "made"


CROSS: dict[str, tuple[Maker, dict[str, Any]]] = {
    "plain": (make_cross_encoder, {}),
    "a default prompt": (
        lambda folder: make_cross_encoder(folder, prompts={"ask": "w40 "}, default_prompt_name="ask"),
        {},
    ),
    "a prompt that is none": (
        lambda folder: make_cross_encoder(folder, prompts={"ask": "w40 "}, default_prompt_name="ask"),
        {"prompt": ""},
    ),
    "three outputs": (lambda folder: make_cross_encoder(folder, 3), {"label": 2}),
    "an activation": (
        lambda folder: make_cross_encoder(folder, activation_fn="torch.nn.modules.activation.Tanh"),
        {"activation": "tanh"},
    ),
}


@pytest.mark.parametrize("name", CROSS)
def test_pair_scores(name: str, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder as Theirs

    make, options = CROSS[name]
    path = make(tmp_path)
    model = Theirs(str(path), device="cpu")
    activation = torch.nn.Tanh() if "activation" in options else torch.nn.Identity()
    texts = [(TEXTS[q], TEXTS[d]) for q, d in PAIRS.tolist()]
    prompt_option = {"prompt": options["prompt"]} if "prompt" in options else {}
    expected = model.predict(texts, activation_fn=activation, **prompt_option)
    sides = Sides(Node.leaf("texts", "q", "queries"), Node.leaf("texts", "d", "documents"), device="cpu")
    stage = CrossEncoder(str(path), **options).resolve_options(sides)
    from nirank.inference.pair_scores import score_pairs

    context = Context(device="cpu")
    logits = score_pairs(TEXTS, TEXTS, PAIRS, stage._make_scoring(models.resolve_model(stage.model)), context)
    scores = ACTIVATIONS[stage.activation](logits)
    expected = expected[:, options["label"]] if "label" in options else expected
    assert np.abs(scores - expected).max() < 1e-5
    assert context.declared.get("prompt") == ("w40 " if name == "a default prompt" else None)


def test_a_default_prompt_is_in_the_address(tmp_path: Path) -> None:
    path = make_cross_encoder(tmp_path, prompts={"ask": "w40 "}, default_prompt_name="ask")
    default, empty, explicit = (
        CrossEncoder(str(path), prompt=prompt).describe_identity() for prompt in (None, "", "w40 ")
    )
    assert default == explicit != empty


def test_a_language_model_is_no_sequence_classifier(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from nirank.inference.pair_scores import PairScoring, score_pairs

    words = [*tiny_models.SPECIAL, "yes", "no", *(f"w{i}" for i in range(9))]
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(words), **size)).save_pretrained(tmp_path)
    tiny_models.save_tokenizer(tmp_path, words)
    with pytest.raises(ModelError, match="is run as a LlamaForCausalLM; a cross-encoder here is a sequence classifier"):
        how = PairScoring(models.resolve_model(str(tmp_path)))
        score_pairs(["w1"], ["w2"], np.array([[0, 0]]), how, Context(device="cpu"))


LATE: dict[str, Maker] = {
    "plain": tiny_models.make_bi_encoder,
    "prompts": configure_plain(prompts=PROMPTS),
    "bfloat16": store_as("bfloat16"),
    "lengths": configure_plain("sentence_bert_config.json", query_length=5, document_length=9),
}


@pytest.mark.parametrize("name", LATE)
def test_token_vectors_of_an_encoder_have_its_prompts_and_lengths(name: str, tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    path = LATE[name](tmp_path)
    model = SentenceTransformer(str(path), device="cpu", model_kwargs={"dtype": torch.float32})

    def tokens(encode: Any, text: str) -> torch.Tensor:
        return torch.nn.functional.normalize(encode(text, output_value="token_embeddings"), dim=-1)

    scores = maxsim(TEXTS, TEXTS, PAIRS, TokenEncoding(models.resolve_model(str(path))), Context(device="cpu"))
    for at, (q, d) in enumerate(PAIRS.tolist()):
        similar = tokens(model.encode_query, TEXTS[q]) @ tokens(model.encode_document, TEXTS[d]).T
        assert scores[at] == pytest.approx(float(similar.amax(1).sum()), abs=1e-4)
