"""Random models that are small enough to make in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def _make_config(words: list[str], **options: Any) -> Any:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, initializer_range=0.5, **options,
    )  # fmt: skip


def save_tokenizer(folder: Path, words: list[str]) -> None:
    from transformers import BertTokenizerFast

    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)


def make_cross_encoder(folder: Path, labels: int, words: int = 60) -> Path:
    """Make a cross-encoder with some outputs, over the words w0, w1, …"""
    import torch
    from transformers import BertForSequenceClassification

    vocabulary = [*SPECIAL, *(f"w{i}" for i in range(words))]
    torch.manual_seed(labels)
    model = BertForSequenceClassification(_make_config(vocabulary, num_labels=labels))
    save_tokenizer(folder, vocabulary)
    model.save_pretrained(folder)
    return folder


def make_splade(folder: Path, words: int = 80) -> Path:
    """Make a masked language model, which sentence-transformers gives SPLADE's pooling."""
    import torch
    from transformers import BertForMaskedLM

    vocabulary = [*SPECIAL, *(f"w{i}" for i in range(words))]
    torch.manual_seed(3)
    model = BertForMaskedLM(_make_config(vocabulary))
    with torch.no_grad():
        model.cls.predictions.bias.normal_(0, 0.5)
    save_tokenizer(folder, vocabulary)
    model.save_pretrained(folder)
    return folder


def make_bi_encoder(folder: Path, words: int = 60, seed: int = 5) -> Path:
    """Make a bi-encoder with mean pooling, over the words w0, w1, …"""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertModel

    vocabulary = [*SPECIAL, *(f"w{i}" for i in range(words))]
    bare = folder / "bare"
    bare.mkdir(parents=True)
    torch.manual_seed(seed)
    BertModel(_make_config(vocabulary)).save_pretrained(bare)
    save_tokenizer(bare, vocabulary)
    SentenceTransformer(modules=[Transformer(str(bare)), Pooling(16)]).save_pretrained(str(folder / "model"))
    return folder / "model"
