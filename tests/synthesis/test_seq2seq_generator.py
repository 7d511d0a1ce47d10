"""Queries by small random T5 and BART models, held against transformers' own generation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank.algebra.context import Context
from nirank.errors import ConfigError, ModelError
from nirank.inference.decoding import Decoding
from nirank.inference.models import resolve_model
from nirank.inference.seq2seq import Rewriting, open_seq2seq_model, rewrite_texts
from nirank.store import LocalStore
from nirank.synthesis.generator import Writing
from nirank.synthesis.seq2seq_generator import Seq2SeqGenerator

KINDS = ("t5", "bart")
NEW = 12
ENDS = {1, 22, 52}  # of the tiny models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {kind: str(tiny_models.make_seq2seq(tmp_path_factory.mktemp(kind), kind)) for kind in KINDS}


def make_docs(n: int = 14) -> list[str]:
    random = np.random.default_rng(2)
    return [" ".join(f"w{word}" for word in random.integers(0, 60, random.integers(1, 30))) for _ in range(n)]


def write(model: str, docs: list[str], ctx: Context | None = None, **options: Any) -> list[list[Writing]]:
    generator = Seq2SeqGenerator(model, **{"max_new_tokens": NEW, **options})
    return list(generator.write_queries(docs, {}, ctx or Context(device="cpu")))


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_queries_equal_those_of_transformers(kind: str, models: dict[str, str]) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    docs = make_docs()
    model = AutoModelForSeq2SeqLM.from_pretrained(models[kind]).eval()
    tokenizer = AutoTokenizer.from_pretrained(models[kind])
    writings = write(models[kind], docs, temperature=0)
    lengths = set()
    for doc, (writing,) in zip(docs, writings, strict=True):
        inputs = tokenizer([doc], return_tensors="pt")
        output = model.generate(
            **inputs, do_sample=False, num_beams=1, max_new_tokens=NEW, output_logits=True, return_dict_in_generate=True
        )
        forced = 1 if kind == "bart" else 0
        written = [token for token in output.sequences[0][1 + forced :].tolist() if token not in ENDS]
        logprobs = [
            float(logits[0].log_softmax(-1)[token])
            for logits, token in zip(output.logits[forced:], written, strict=False)
        ]
        assert writing.text == tokenizer.decode(written, skip_special_tokens=True)
        assert writing.tokens == len(written)
        assert writing.logprob == (pytest.approx(np.mean(logprobs), abs=1e-4) if written else None)
        lengths.add(len(written))
    assert len(lengths) > 2, "some end before others"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_neither_batches_nor_neighbours_change_a_query(kind: str, temperature: float, models: dict[str, str]) -> None:
    docs, per_doc = make_docs(8), 2 if temperature else 1
    options = {"temperature": temperature, "per_doc": per_doc, **({"top_k": 60} if temperature else {})}
    together = write(models[kind], docs, **options)
    small = write(models[kind], docs[::-1], batch_tokens=40, **options)[::-1]
    assert [[w.text for w in row] for row in small] == [[w.text for w in row] for row in together]
    alone = [write(models[kind], [doc], **options)[0] for doc in docs[:3]]
    assert [[w.text for w in row] for row in alone] == [[w.text for w in row] for row in together[:3]]
    if temperature:
        assert sum(len({w.text for w in row}) > 1 for row in together) > 5, "numbers draw differently"
        other = write(models[kind], docs, seed=1, **options)
        assert [[w.text for w in row] for row in other] != [[w.text for w in row] for row in together]


def test_the_first_token_is_drawn_by_its_probability_among_the_likeliest(models: dict[str, str]) -> None:
    import torch

    model = open_seq2seq_model(resolve_model(models["t5"]), "float32", "cpu")
    n, k, doc = 3000, 4, make_docs()[3]
    how = Rewriting(resolve_model(models["t5"]), decoding=Decoding(1, 2.0, k))
    tokens = Counter(row.text for row in rewrite_texts(model, [doc] * n, range(n), how))
    inputs = model.tokenizer([doc], return_tensors="pt")
    with torch.inference_mode():
        logits = model.model(**inputs, decoder_input_ids=torch.tensor([[model.start]])).logits[0, -1]
    values, best = (logits / 2).topk(k)
    expected = dict(zip(best.tolist(), values.softmax(-1).tolist(), strict=True))
    assert sum(tokens.values()) == n and len(tokens) <= k
    for token, probability in expected.items():
        drawn = tokens["" if token < 4 or token in ENDS else f"w{token - 4}"] / n
        assert drawn == pytest.approx(probability, abs=4 * (probability * (1 - probability) / n) ** 0.5 + 1e-9)


def test_what_was_written_is_found_again(models: dict[str, str], tmp_path: Path) -> None:
    store, docs = LocalStore(tmp_path), make_docs()
    first = Context(device="cpu", open_memo=store.open_memo)
    written = write(models["t5"], docs, first, per_doc=2)
    more = Context(device="cpu", open_memo=store.open_memo)
    assert [row[:2] for row in write(models["t5"], docs, more, per_doc=3)] == written
    assert (more.memo_use["found"], more.memo_use["computed"]) == (28, 14)


def test_long_documents_are_cut_and_counted(models: dict[str, str]) -> None:
    ctx = Context(device="cpu")
    write(models["t5"], ["w1 " * 5, "w2 " * 20, "w3 " * 30], ctx, max_length=10, prefix="w4 ")
    assert ctx.counts["truncated_documents"] == 2 and ctx.counts["document_tokens_lost"] == 12 + 22


def test_identity(models: dict[str, str]) -> None:
    plain = Seq2SeqGenerator(models["t5"])
    assert plain.describe_identity() == Seq2SeqGenerator(models["t5"], per_doc=9, batch_tokens=7).describe_identity()
    for options in ({"seed": 1}, {"top_k": 5}, {"prefix": "x"}, {"max_length": 9}, {"temperature": 0}):
        assert Seq2SeqGenerator(models["t5"], **options).describe_identity() != plain.describe_identity()
    assert models["t5"] not in repr(plain.describe_identity())


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = str(tiny_models.make_cross_encoder(tmp_path, 1))
    with pytest.raises(ModelError, match="cannot be loaded"):
        write(folder, ["w1"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ""}, "model is empty"),
        ({"per_doc": 0}, "per_doc must be 1 or more"),
        ({"temperature": 0, "per_doc": 2}, "are the same"),
        ({"top_k": 0}, "top_k must be 1 or more"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Seq2SeqGenerator(**{"model": "m", **options})
