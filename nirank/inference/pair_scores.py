"""Score pairs of texts with a cross-encoder: the one place where such models run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import combine_keys, hash_texts
from nirank.base.memory import MemoryNeed, Sizes, fit_block_size
from nirank.base.work import Work
from nirank.errors import ModelError
from nirank.inference.agreement import SAMPLE, Answers, centre_scores
from nirank.inference.batches import choose_token_budget, run_in_batches
from nirank.inference.device import (
    ShardResult,
    cache_models,
    count_device_seconds,
    estimate_model_memory,
    measure_shards,
    record_model_use,
)
from nirank.inference.encoder import Precision, choose_device
from nirank.inference.folders import CROSS_ENCODER_MODULES, check_modules
from nirank.inference.loading import CROSS, fit_lengths, load_model, name_model
from nirank.inference.models import ModelFiles
from nirank.inference.quantised_layers import apply_precision
from nirank.inference.remembered import compute_missing_pairs, split_by_number
from nirank.inference.token_counts import count_text_tokens

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Texts = tuple[list[str], list[str]]  # queries and documents of pairs

_SHARD_PAIRS = 2048  # whose tokens are in memory at a time, and whose scores are then stored
_SAMPLE_STEPS = 3
_TOKEN_BYTES = 64  # of a pair: the token's number, type and mask in Python's lists


# What scores in 16 bits depend on beside the precision: heads were in 16 bits too, before.
HEAD: dict[str, dict[str, str]] = {name: {"head": "float32"} for name in ("bfloat16", "float16")}


@dataclass(frozen=True)
class PairScoring:
    """How pairs are scored.

    prompt        put in front of every query
    max_length    tokens of query and document together, special ones included; None: the model's own
    label         which of several outputs is the score
    """

    model: ModelFiles
    prompt: str = ""
    max_length: int | None = None
    label: int | None = None
    precision: Precision = "float32"
    batch_tokens: int | None = None

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what scoring needs: the model, the texts, and keys of all pairs."""
        model = estimate_model_memory(self.model, self.precision)
        return model._replace(main=model.main + 2 * (sizes.query_bytes + sizes.doc_bytes) + 48 * sizes.listed_pairs)

    def to_memo_space(self, limit: int) -> dict[str, Any]:
        """Return what a pair's score depends on beside the two texts; `limit` is the length that is read."""
        return {
            "model": self.model.loaded_identity,
            "prompt": self.prompt,
            "max_length": limit,
            "label": self.label,
            "precision": self.precision,
            **HEAD.get(self.precision, {}),
        }


def score_pairs(
    queries: Sequence[str], docs: Sequence[str], pairs: NDArray[np.integer], how: PairScoring, ctx: Context
) -> NDArray[np.float32]:
    """Return the raw output (logit) of each pair, (n_pairs,) float32.

    queries, docs  the texts
    pairs          (n_pairs, 2) positions in them
    Only the document is cut to fit; a query that leaves no room for a document token is cut too, and counted.
    What a memo knows is not scored again. Counts truncated documents and queries, and tokens lost.
    """
    if not len(pairs):
        return np.empty(0, np.float32)
    device = choose_device(ctx.device)
    model = _load(how.model.path, how.model.content, how.max_length, how.precision, device)
    record_model_use(how.model, model, model.device, ctx)
    limit = how.max_length or int(model.max_seq_length or 512)
    column = _choose_column(model, how)
    tokenizer: Any = model.tokenizer
    special = tokenizer.num_special_tokens_to_add(pair=True)
    read_queries, query_lengths = _cut_queries(
        [how.prompt + text for text in queries], tokenizer, limit - special - 1, ctx
    )
    doc_keys = hash_texts(docs)
    doc_lengths = count_text_tokens(
        docs, doc_keys, partial(_count_tokens, tokenizer), {"model": how.model.loaded_identity}, ctx
    )
    lost = np.maximum(doc_lengths[pairs[:, 1]] - (limit - special - query_lengths[pairs[:, 0]]), 0)
    ctx.count("truncated_documents", int((lost > 0).sum()))
    ctx.count("document_tokens_lost", int(lost.sum()))
    done = iter(ctx.track(range(len(pairs)), len(pairs), f"scoring pairs with {how.model.name}"))

    def gather_texts(shard: NDArray[np.int64]) -> Texts:
        return [read_queries[q] for q in pairs[shard, 0].tolist()], [docs[d] for d in pairs[shard, 1].tolist()]

    def score_shard(texts: Texts) -> NDArray[np.float32]:
        return _score_shard(model, texts, how, limit, column, done)

    def compute(shards: Iterable[NDArray[np.int64]]) -> Iterable[ShardResult]:
        texts = map(gather_texts, shards)
        if ctx.engine is None:
            return map(measure_shards(score_shard), texts)
        return ctx.engine.map(Work(f"{__name__}:open_shards", (how, limit, column, ctx.device), _describe_pairs), texts)

    memo = ctx.open_memo({"pair scores": how.to_memo_space(limit)}, np.dtype("<f4"))
    keys = combine_keys(hash_texts(queries)[pairs[:, 0]], doc_keys[pairs[:, 1]])
    shard = fit_block_size(_SHARD_PAIRS, _TOKEN_BYTES * limit)
    scores: NDArray[np.float32] = compute_missing_pairs(
        keys, memo, partial(split_by_number, shard), compute, np.dtype("<f4"), ctx
    )
    for _ in done:
        pass
    declared = {"model": how.model.name, "max_length": limit, "precision": how.precision, "output": "raw logit"}
    if how.prompt:
        declared["prompt"] = how.prompt
    for name, value in declared.items():
        ctx.declare(name, value)
    return scores


def open_shards(how: PairScoring, limit: int, column: int, device: str) -> Callable[[Texts], ShardResult]:
    """Load the model, and return the function that scores a shard; a worker process calls this."""
    model = _load(how.model.path, how.model.content, how.max_length, how.precision, choose_device(device))
    return measure_shards(lambda texts: _score_shard(model, texts, how, limit, column, iter(())))


def _describe_pairs(texts: Texts) -> str:
    return f"{len(texts[0]):,} pairs (of the query '{texts[0][0][:40]}' and on, with '{texts[1][0][:40]}' and on)"


def _score_shard(
    model: CrossEncoder, texts: Texts, how: PairScoring, limit: int, column: int, done: Iterator[int]
) -> NDArray[np.float32]:
    """Score pairs in batches of similar length, longest first; advance `done` by every pair."""
    tokenizer: Any = model.tokenizer
    scores = np.empty(len(texts[0]), np.float32)
    joined = tokenizer(*texts, truncation="only_second", max_length=limit)
    inputs = [{name: values[at] for name, values in joined.items()} for at in range(len(scores))]
    lengths = np.array([len(tokens["input_ids"]) for tokens in inputs], np.int64)

    def prepare(batch: list[int]) -> Any:
        return tokenizer.pad([inputs[row] for row in batch], return_tensors="pt")

    def run(batch: list[int], padded: Any) -> None:
        with count_device_seconds(model.device):
            scores[batch] = _compute_logits(model, padded, column)
        for _ in batch:
            next(done, None)

    run_in_batches(lengths, range(len(scores)), choose_token_budget(model.device.type, how.batch_tokens), prepare, run)
    if not np.isfinite(scores).all():
        raise ModelError(
            f"model '{how.model.name}' in {how.precision}: {(~np.isfinite(scores)).sum()} scores not finite"
        )
    return scores


def _count_tokens(tokenizer: Any, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _cut_queries(
    texts: list[str], tokenizer: Any, max_tokens: int, ctx: Context
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the queries' texts, cut where they leave no room for a document's token, and their lengths in tokens."""
    tokenized = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    cut, lengths = [], []
    for text, ids, spans in zip(texts, tokenized["input_ids"], tokenized["offset_mapping"], strict=True):
        cut.append(text if len(ids) <= max_tokens else text[: spans[max_tokens - 1][1]])
        lengths.append(min(len(ids), max_tokens))
    ctx.count("truncated_queries", sum(len(ids) > max_tokens for ids in tokenized["input_ids"]))
    return cut, np.array(lengths, np.int64)


def _compute_logits(model: CrossEncoder, padded: Any, column: int) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        logits = model.model(**padded.to(model.device), return_dict=True).logits.float().cpu().numpy()
    scores: NDArray[np.float32] = logits[:, column]
    return scores


def _choose_column(model: CrossEncoder, how: PairScoring) -> int:
    labels = int(model.num_labels)
    if how.label is None and labels > 1:
        names = ", ".join(f"{at}: {name}" for at, name in sorted(model.config.id2label.items()))
        raise ModelError(f"model '{how.model.name}' has {labels} outputs ({names}); name one as `label`")
    label = how.label or 0
    if not 0 <= label < labels:
        raise ModelError(f"model '{how.model.name}' has outputs 0 to {labels - 1}, got label {label}")
    return label


@cache_models
def _load(
    path: Path, content: tuple[tuple[str, str], ...], max_length: int | None, precision: Precision, device: str
) -> CrossEncoder:
    """Load a model once a process."""
    from sentence_transformers import CrossEncoder

    name = name_model(path)
    check_modules(name, path, CROSS_ENCODER_MODULES)
    model = load_model(name, path, content, CrossEncoder, CROSS, device)
    if len(model) != 1 or model[0].transformer_task != "sequence-classification":
        kind = type(model.model).__name__
        raise ModelError(f"model '{name}': is run as a {kind}; a cross-encoder here is a sequence classifier")
    fit_lengths(model, max_length, name)
    apply_precision(
        name, model, precision, device, partial(_lower_precision, model.model), partial(_answer, model, max_length)
    )
    return model


def _answer(model: CrossEncoder, max_length: int | None) -> Answers:
    """Return the first output for the sample's texts, each with itself and its next two, as one row."""
    tokenizer: Any = model.tokenizer
    limit = max_length or int(model.max_seq_length or 512)
    logits = []
    for step in range(_SAMPLE_STEPS):
        joined = tokenizer(
            list(SAMPLE),
            [*SAMPLE[step:], *SAMPLE[:step]],
            truncation="longest_first",
            max_length=limit,
            padding=True,
            return_tensors="pt",
        )
        logits.append(_compute_logits(model, joined, 0))
    return centre_scores(np.concatenate(logits))


def _lower_precision(model: Any, precision: Literal["float32", "bfloat16", "float16"]) -> None:
    """Let the transformer compute in 16 bits; its pooler and the head stay float32, or logits would tie."""
    import torch

    if precision == "float32":
        return
    model.to(getattr(torch, precision))
    base = model.base_model
    heads = [module for module in model.children() if module is not base] if base is not model else []
    pooler = getattr(base, "pooler", None)
    for head in (*heads, *((pooler,) if isinstance(pooler, torch.nn.Module) else ())):
        head.float().register_forward_pre_hook(_convert_inputs, with_kwargs=True)


def _convert_inputs(
    _: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    def to_float32(value: Any) -> Any:
        return value.float() if hasattr(value, "is_floating_point") and value.is_floating_point() else value

    return tuple(map(to_float32, arguments)), {name: to_float32(value) for name, value in options.items()}


ACTIVATIONS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "none": lambda logits: logits,
    "sigmoid": lambda logits: (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32),
    "tanh": np.tanh,
}
