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


def make_causal(folder: Path, words: int = 60, window: int | None = None, template: bool = False) -> Path:
    """Make a causal language model over the words w0, w1, …, a few others, line breaks and an end of text.

    window    of attention in every second layer, None for none
    template  whether it has one for chats
    """
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    plain = ["<pad>", "<unk>", "<s>", "</s>", "\n", ":", ".", "Document", "Relevant", "Query", "Example", "Passage"]
    vocabulary = [*plain, *(f"w{i}" for i in range(words))]
    vocabulary += [f" {word}" for word in vocabulary[len(plain) - 5 :]]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?\w+|\n|[^\w\s]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 2)])
    saved = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    if template:
        saved.chat_template = (
            "{% for message in messages %}{{ message['role'] }} : {{ message['content'] }}\n{% endfor %}"
            "{% if add_generation_prompt %}assistant :{% endif %}"
        )
    saved.save_pretrained(folder)
    options: dict[str, Any] = {
        "vocab_size": len(vocabulary), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "intermediate_size": 32, "max_position_embeddings": 128, "initializer_range": 0.8,
        "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "head_dim": 8, "tie_word_embeddings": True,
    }  # fmt: skip
    torch.manual_seed(words)
    model: Any
    if window is None:
        model = LlamaForCausalLM(LlamaConfig(**options))
    else:
        kinds = ["sliding_attention", "full_attention"]
        model = Gemma3ForCausalLM(Gemma3TextConfig(**options, sliding_window=window, layer_types=kinds))
    model.save_pretrained(folder)
    return folder


def make_seq2seq(folder: Path, kind: str = "t5", words: int = 60) -> Path:
    """Make a T5 or a BART over the words w0, w1, …; the end of a text, w18 and w48 end what it writes."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        BartConfig,
        BartForConditionalGeneration,
        PreTrainedTokenizerFast,
        T5Config,
        T5ForConditionalGeneration,
    )

    vocabulary = ["<pad>", "</s>", "<unk>", "<s>", *(f"w{i}" for i in range(words))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", eos_token="</s>", bos_token="<s>"
    ).save_pretrained(folder)
    torch.manual_seed(words)
    shared: dict[str, Any] = {"vocab_size": len(vocabulary), "d_model": 16, "pad_token_id": 0, "eos_token_id": 1}
    model: Any
    if kind == "t5":
        model = T5ForConditionalGeneration(
            T5Config(
                **shared, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0, initializer_factor=1.5,
            )
        )  # fmt: skip
    else:
        layers = {f"{side}_{name}": n for side in ("encoder", "decoder") for name, n in
                  (("layers", 2), ("attention_heads", 2), ("ffn_dim", 32))}  # fmt: skip
        model = BartForConditionalGeneration(
            BartConfig(
                **shared, **layers, bos_token_id=3, decoder_start_token_id=1, forced_eos_token_id=None,
                max_position_embeddings=128, init_std=0.5,
            )
        )  # fmt: skip
        model.generation_config.forced_bos_token_id = 3
    model.generation_config.eos_token_id = [1, 22, 52]
    model.save_pretrained(folder)
    return folder


def tune_causal(folder: Path, texts: list[str], epochs: int = 12) -> None:
    """Teach a causal model some texts, in place."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(epochs):
        for start in range(0, len(texts), 16):
            batch = tokenizer(texts[start : start + 16], return_tensors="pt", padding=True)["input_ids"]
            model(batch, labels=batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(folder)


def make_interaction(folder: Path, base: str, kind: str = "drmm", **options: Any) -> Path:
    """Make a DRMM or PACRR with random weights over a base's word vectors; options are the design's."""
    import torch

    from nirank.inference.interaction_models import InteractionFiles
    from nirank.inference.interaction_networks import MixedScorer
    from nirank.inference.interactions import InteractionDesign
    from nirank.inference.mixture import Mixture
    from nirank.inference.models import resolve_model

    sizes = {"doc_terms": 12, "ngrams": 3, "filters": 4, "k_max": 2} if kind == "pacrr" else {}
    design = InteractionDesign(kind, **{"query_terms": 5, **sizes, **options})  # type: ignore[arg-type]
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = MixedScorer(design)
    mixture = Mixture(*network.weights.tolist(), sd_r=1.0, sd_p=0.3)
    InteractionFiles(design, base, resolve_model(base).identity, 100, mixture).save(network, folder)
    return folder
