"""Bi-encoders of every configuration that sentence-transformers reads, each in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tiny_models

SIZE = 16  # of a tiny model's vectors

Maker = Callable[[Path], Path]


def change_config(folder: Path, name: str, **changed: Any) -> None:
    """Change a JSON file of a model."""
    path = folder / name
    config_values = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(config_values | changed))


def make_plain(folder: Path) -> Path:
    return tiny_models.make_bi_encoder(folder)


def configure_plain(name: str = "config_sentence_transformers.json", **changed: Any) -> Maker:
    """Make the plain model, with other values in a file."""

    def make(folder: Path) -> Path:
        change_config(make_plain(folder), name, **changed)
        return folder / "model"

    return make


def build_on_transformer(modules: Callable[[Any], list[Any]], **options: Any) -> Maker:
    """Make a model of a tiny transformer and what a function puts behind it."""

    def make(folder: Path) -> Path:
        import torch
        from sentence_transformers import SentenceTransformer

        body = SentenceTransformer(str(make_plain(folder)), device="cpu")[0]
        torch.manual_seed(11)
        SentenceTransformer(modules=modules(body), device="cpu", **options).save_pretrained(str(folder / "made"))
        return folder / "made"

    return make


def build_pooled(*modes: str) -> Maker:
    def modules(body: Any) -> list[Any]:
        from sentence_transformers.sentence_transformer.modules import Pooling

        return [body, Pooling(SIZE, modes)]

    return build_on_transformer(modules)


def store_as(dtype: str) -> Maker:
    """Make the plain model, with weights stored in another type."""

    def make(folder: Path) -> Path:
        import torch
        from safetensors.torch import load_file, save_file

        path = make_plain(folder)
        weights = {
            name: tensor.to(getattr(torch, dtype)) for name, tensor in load_file(path / "model.safetensors").items()
        }
        (path / "model.safetensors").unlink()
        save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
        change_config(path, "config.json", dtype=dtype)
        return path

    return make


def make_routed(folder: Path) -> Path:
    """Make a model whose heads of queries and documents differ, behind one transformer."""

    def modules(body: Any) -> list[Any]:
        from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Router

        return [body, Pooling(SIZE), Router.for_query_document([Dense(SIZE, 8)], [Dense(SIZE, 8)]), Normalize()]

    return build_on_transformer(modules)(folder)


def make_two_towers(folder: Path) -> Path:
    """Make a model whose queries and documents have a transformer and a length of their own."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Router

    towers = []
    for seed, length in ((5, 6), (6, 12)):
        path = tiny_models.make_bi_encoder(folder / str(seed), seed=seed)
        body = SentenceTransformer(str(path), device="cpu")[0]
        body.max_seq_length = length
        towers.append([body, Pooling(SIZE, "cls")])
    model = SentenceTransformer(modules=[Router.for_query_document(*towers)], device="cpu")
    model.save_pretrained(str(folder / "made"))
    return folder / "made"


def make_static(folder: Path) -> Path:
    """Make a model of one vector a word, without a transformer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(make_plain(folder)))
    torch.manual_seed(12)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    model.save_pretrained(str(folder / "made"))
    return folder / "made"


def make_bare(folder: Path) -> Path:
    """Make a model whose files do not say how tokens are pooled."""
    make_plain(folder)
    return folder / "bare"


def make_without_length(folder: Path) -> Path:
    """Make a model that names no length: its positions are the limit."""
    path = make_plain(folder)
    config_values = json.loads((path / "tokenizer_config.json").read_text())
    config_values.pop("model_max_length", None)
    (path / "tokenizer_config.json").write_text(json.dumps(config_values))
    config_values = json.loads((path / "sentence_bert_config.json").read_text())
    config_values.pop("max_seq_length", None)
    (path / "sentence_bert_config.json").write_text(json.dumps(config_values))
    return path


def make_left_padded(folder: Path) -> Path:
    """Make a decoder that is padded on the left; its positions are relative, so that padding does not move them."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import LlamaConfig, LlamaModel

    words = [*tiny_models.SPECIAL, *(f"w{i}" for i in range(60))]
    torch.manual_seed(13)
    size = {"hidden_size": SIZE, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    (folder / "bare").mkdir(parents=True)
    LlamaModel(LlamaConfig(vocab_size=len(words), max_position_embeddings=64, **size)).save_pretrained(folder / "bare")
    tiny_models.save_tokenizer(folder / "bare", words)
    change_config(
        folder / "bare", "tokenizer_config.json", padding_side="left", model_input_names=["input_ids", "attention_mask"]
    )
    modules = [Transformer(str(folder / "bare")), Pooling(SIZE, "lasttoken")]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder / "made"))
    return folder / "made"


def make_cased(folder: Path, **changed: Any) -> Path:
    """Make a model whose tokenizer leaves capital letters as they are."""
    from transformers import BertTokenizerFast

    path = make_plain(folder)
    BertTokenizerFast(str(folder / "bare" / "vocab.txt"), model_max_length=64, do_lower_case=False).save_pretrained(
        path
    )
    change_config(path, "sentence_bert_config.json", **changed)
    return path


def add_heads(body: Any) -> list[Any]:
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, Dropout, LayerNorm, Normalize, Pooling

    head = Dense(SIZE, 24, activation_function=torch.nn.GELU())
    return [body, Pooling(SIZE), Dropout(0.3), head, LayerNorm(24), Normalize()]


def pool_without_prompt(body: Any) -> list[Any]:
    from sentence_transformers.sentence_transformer.modules import Pooling

    return [body, Pooling(SIZE, include_prompt=False)]


PROMPTS = {"query": "w3 w4 ", "document": "w5 "}

VARIANTS: dict[str, Maker] = {
    "plain": make_plain,
    "prompts": configure_plain(prompts=PROMPTS),
    "empty prompts, and a default": configure_plain(
        prompts={"query": "", "document": "", "other": "w9 "}, default_prompt_name="other"
    ),
    "a default prompt alone": configure_plain(prompts={"other": "w9 "}, default_prompt_name="other"),
    "the query's as default": configure_plain(prompts=PROMPTS, default_prompt_name="query"),
    "a prompt of blanks": configure_plain(prompts={"query": "   ", "document": ""}),
    "a prompt for passages": configure_plain(prompts={"query": "w3 ", "passage": "w5 "}),
    "prompts that pooling leaves out": build_on_transformer(pool_without_prompt, prompts=PROMPTS),
    "truncated": configure_plain(truncate_dim=8),
    "truncated beyond its size": configure_plain(truncate_dim=80),
    "routes": make_routed,
    "two towers": make_two_towers,
    "float16": store_as("float16"),
    "bfloat16": store_as("bfloat16"),
    "short": configure_plain("sentence_bert_config.json", max_seq_length=5),
    "no length": make_without_length,
    "lengths of sides": configure_plain("sentence_bert_config.json", query_length=5, document_length=9),
    "cased": make_cased,
    "lower case": partial(make_cased, do_lower_case=True),
    "left padding": make_left_padded,
    "heads": build_on_transformer(add_heads),
    "static": make_static,
    "no modules": make_bare,
    **{mode: build_pooled(mode) for mode in ("cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")},
    "cls and mean": build_pooled("cls", "mean"),
    "dot": configure_plain(similarity_fn_name="dot"),
}
