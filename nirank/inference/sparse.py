"""Learned sparse vectors: encode texts into weighted vocabulary terms."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import Rows
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.work import Work
from nirank.errors import ModelError
from nirank.flow.pairs import concatenate_ranges
from nirank.inference.agreement import SAMPLE, Answers
from nirank.inference.batches import choose_token_budget, run_in_batches
from nirank.inference.device import (
    ShardResult,
    cache_models,
    count_device_seconds,
    estimate_model_memory,
    measure_shards,
    record_model_use,
)
from nirank.inference.encoder import Precision, choose_device, count_truncated, describe_texts
from nirank.inference.folders import SPARSE_ENCODER_MODULES, check_modules
from nirank.inference.loading import SPARSE, fit_lengths, load_model, lower_precision, name_model
from nirank.inference.models import ModelFiles
from nirank.inference.projection import BlockProjection
from nirank.inference.quantised_layers import apply_precision
from nirank.inference.remembered import compute_missing_texts
from nirank.inference.sparse_memo import PART, SparseMemo

if TYPE_CHECKING:
    from sentence_transformers import SparseEncoder

Side = Literal["query", "document"]
_REORDERED_TEXTS = 2048  # at a time
_PROJECTION_TERMS = 4096  # vocabulary terms that tokens are projected onto at a time


@dataclass(frozen=True)
class SparseEncoding:
    """How texts become sparse vectors.

    side       'query' or 'document': models may have prompts, or whole encoders, of their own for each
    max_terms  the greatest weights that are kept of a text; None: all
    """

    model: ModelFiles
    side: Side
    max_length: int | None = None
    max_terms: int | None = None
    precision: Precision = "float32"
    batch_tokens: int | None = None

    def to_params(self) -> dict[str, Any]:
        """Return what the vectors depend on; defaults are left out."""
        options = {
            "max_length": self.max_length,
            "max_terms": self.max_terms,
            "precision": None if self.precision == "float32" else self.precision,
        }
        changed = {name: value for name, value in options.items() if value is not None}
        return {"model": self.model.loaded_identity, "side": self.side, **changed}

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what encoding needs: the model, and the least batch."""
        del sizes
        return estimate_model_memory(self.model, self.precision)


def encode_sparse(texts: Iterable[str], n: int, how: SparseEncoding, folder: Path, ctx: Context) -> None:
    """Encode n texts into `offsets.npy`, `terms.npy` and `weights.npy`: text i owns offsets[i]:offsets[i + 1].

    A blank text has no terms. What a memo knows is not computed again. Memory is one shard. Counts truncated texts and
    tokens lost.
    """
    model = _load(how.model.path, how.model.content, how.max_length, how.precision, choose_device(ctx.device))
    record_model_use(how.model, model, model.device, ctx)
    lengths, places = np.zeros(n, np.int64), np.zeros(n, np.int64)  # where each text's terms lie in the raw files
    encoded = iter(ctx.track(range(n), n, f"encoding with {how.model.name}"))
    written = 0
    with (folder / "terms.raw").open("wb") as terms, (folder / "weights.raw").open("wb") as weights:

        def write_rows(positions: NDArray[np.int64], rows: Rows) -> None:
            nonlocal written
            for row, (ids, values, _) in zip(positions.tolist(), rows, strict=True):
                lengths[row], places[row] = len(ids), written
                written += len(ids)
                terms.write(ids.tobytes())
                weights.write(values.tobytes())
            tokens = np.array([tokens for _, _, tokens in rows], np.int64)
            count_truncated(tokens, model.max_seq_length, "truncated_texts", "tokens_lost", ctx)

        def encode_shard(shard: list[str]) -> Rows:
            return _encode_shard(model, shard, how, encoded)

        def compute(shards: Iterable[list[str]]) -> Iterable[ShardResult]:
            if ctx.engine is None:
                return map(measure_shards(encode_shard), shards)
            return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), describe_texts), shards)

        memo = SparseMemo(ctx.open_memo({"sparse vectors": how.to_params()}, PART))
        compute_missing_texts(texts, memo, compute, write_rows, ctx)
    deque(encoded, maxlen=0)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    np.save(folder / "offsets.npy", offsets)
    for name, kind in (("terms", np.int32), ("weights", np.float32)):
        _reorder_terms(folder / f"{name}.raw", folder / f"{name}.npy", np.dtype(kind), places, offsets)
    description = {
        "model": how.model.name,
        "side": how.side,
        "prompt": (model.prompts or {}).get(how.side) or "",
        "max_length": model.max_seq_length,
        "max_terms": how.max_terms,
        "precision": how.precision,
        "mean_terms": round(float(lengths.mean()), 1) if n else 0.0,
    }
    (folder / "encoding.json").write_text(json.dumps(description))
    for name, value in description.items():
        ctx.declare(f"{how.side}_{name}" if name in ("max_terms", "mean_terms") else name, value)


def _reorder_terms(
    raw: Path, path: Path, kind: np.dtype[Any], places: NDArray[np.int64], offsets: NDArray[np.int64]
) -> None:
    """Write texts' terms, which lie at `places` of a raw file, in the texts' order, and remove the raw file."""
    if not offsets[-1]:
        np.save(path, np.empty(0, kind))
    else:
        ordered = np.lib.format.open_memmap(path, "w+", kind, (int(offsets[-1]),))
        unordered = np.memmap(raw, kind, "r")
        for first in range(0, len(places), _REORDERED_TEXTS):
            starts, ends = places[first : first + _REORDERED_TEXTS], offsets[first : first + _REORDERED_TEXTS + 1]
            part = concatenate_ranges(starts, np.diff(ends))
            ordered[ends[0] : ends[-1]] = unordered[part]
        ordered.flush()
    raw.unlink()


def open_shards(how: SparseEncoding, device: str) -> Callable[[list[str]], ShardResult]:
    """Load the model, and return the function that encodes a shard; a worker process calls this."""
    model = _load(how.model.path, how.model.content, how.max_length, how.precision, choose_device(device))
    return measure_shards(lambda texts: _encode_shard(model, texts, how, iter(())))


def _encode_shard(model: SparseEncoder, texts: Sequence[str], how: SparseEncoding, encoded: Iterator[int]) -> Rows:
    """Return each text's `Terms`, (n,); advance `encoded` by every text."""
    rows = np.empty(len(texts), object)
    filled = [row for row, text in enumerate(texts) if text.strip()]
    prompt = (model.prompts or {}).get(how.side) or ""
    tokenizer: Any = model.tokenizer
    lengths = np.zeros(len(texts), np.int64)
    if filled:
        lengths[filled] = [len(ids) for ids in tokenizer([prompt + texts[row] for row in filled])["input_ids"]]
    for row in range(len(texts)):
        rows[row] = (np.empty(0, np.int32), np.empty(0, np.float32), int(lengths[row]))
    limit = model.max_seq_length
    lengths = lengths if limit is None else np.minimum(lengths, limit)
    projects = _can_project(model)

    def prepare(batch: list[int]) -> dict[str, Any]:
        batch_texts = [texts[row] for row in batch]
        features: dict[str, Any] = model.preprocess(batch_texts, prompt=prompt or None, task=how.side)
        return features if projects else {}

    def run(batch: list[int], features: dict[str, Any]) -> None:
        weights = (
            _project_tokens(model, features) if projects else _encode_texts(model, [texts[row] for row in batch], how)
        )
        for row in batch:
            with count_device_seconds(
                model.device
            ):  # weights are computed when they are asked for, one text's after the other
                dense = next(weights)
            rows[row] = (*_select_terms(dense, how), rows[row][2])
        deque(islice(encoded, len(batch)), maxlen=0)

    run_in_batches(lengths, filled, choose_token_budget(model.device.type, how.batch_tokens), prepare, run)
    return rows


def _select_terms(dense: NDArray[np.float32], how: SparseEncoding) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    ids = np.flatnonzero(dense > 0)
    if not np.isfinite(dense[ids]).all():
        raise ModelError(f"model '{how.model.name}' in {how.precision} gives a weight that is not finite")
    if how.max_terms is not None and len(ids) > how.max_terms:
        ids = np.sort(ids[np.argsort(-dense[ids], kind="stable")[: how.max_terms]])
    return ids.astype(np.int32), dense[ids].astype(np.float32)


def _can_project(model: SparseEncoder) -> bool:
    """Tell whether the model is a masked language model with SPLADE's max pooling: then nothing padded is projected."""
    import torch

    if len(model) != 2 or type(model[1]).__name__ != "SpladePooling" or model.max_active_dims is not None:
        return False
    pooling, body = model[1], getattr(model[0], "auto_model", None)
    output = body.get_output_embeddings() if body is not None else None
    return (pooling.pooling_strategy, pooling.activation_function) == ("max", "relu") and isinstance(
        output, torch.nn.Linear
    )


def _project_tokens(model: SparseEncoder, features: dict[str, Any]) -> Iterator[NDArray[np.float32]]:
    """Yield SPLADE's weights, max over tokens of log(1 + relu(logit)): each token projected once, none that is padding.

    log(1 + relu) grows with its argument, so the maximum is taken first, over the logits.
    """
    import torch

    body: Any = model[0].auto_model
    output = body.get_output_embeddings()
    with torch.inference_mode():
        features = {key: value.to(model.device) for key, value in features.items() if hasattr(value, "to")}
        output.forward = lambda hidden: hidden  # gives what would be projected
        try:
            inputs = {
                key: features[key] for key in features if key in ("input_ids", "attention_mask", "token_type_ids")
            }
            hidden = body(**inputs, return_dict=True).logits
        finally:
            del output.forward
        projection = _open_projection(model)
        for row in range(len(hidden)):
            tokens = hidden[row][features["attention_mask"][row].bool()]
            # By blocks of the vocabulary: products stay in cache, and the bias can wait for the maximum.
            best = torch.cat([part.amax(0).float() for part in projection.project(tokens)])
            if output.bias is not None:
                best += output.bias.float()
            yield torch.log1p(torch.relu(best)).cpu().numpy()


@cache_models
def _open_projection(model: SparseEncoder) -> BlockProjection:
    body: Any = model[0].auto_model
    return BlockProjection(body.get_output_embeddings().weight, _PROJECTION_TERMS)


def _encode_texts(model: SparseEncoder, texts: list[str], how: SparseEncoding) -> Iterator[NDArray[np.float32]]:
    """Yield the weights of any other sparse encoder, by its own code."""
    encode = model.encode_query if how.side == "query" else model.encode_document
    for vector in encode(texts, batch_size=len(texts), show_progress_bar=False, convert_to_sparse_tensor=False):
        yield vector.float().cpu().numpy()


@cache_models
def _load(
    path: Path, content: tuple[tuple[str, str], ...], max_length: int | None, precision: Precision, device: str
) -> SparseEncoder:
    """Load a model once a process."""
    from sentence_transformers import SparseEncoder

    name = name_model(path)
    check_modules(name, path, SPARSE_ENCODER_MODULES)
    model = load_model(name, path, content, SparseEncoder, SPARSE, device)
    similarity = model.similarity_fn_name
    if similarity not in (None, "dot"):
        raise ModelError(f"model '{name}': compares by {similarity}; sparse vectors are compared by dot product only")
    fit_lengths(model, max_length, name)
    apply_precision(name, model, precision, device, partial(lower_precision, model, name), partial(_answer, model))
    return model


def _answer(model: SparseEncoder) -> Answers:
    """Return the sample's texts as documents, (n, terms)."""
    encoded = model.encode_document(list(SAMPLE), show_progress_bar=False, convert_to_sparse_tensor=False)
    return np.stack([vector.float().numpy() for vector in encoded])
