"""Encode texts: the one place where bi-encoders run."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.loading import count_loading
from nirank.base.memo import Rows, hash_texts
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.work import Work
from nirank.errors import ModelError
from nirank.inference.agreement import SAMPLE, Answers
from nirank.inference.batches import choose_token_budget, is_out_of_memory, run_in_batches
from nirank.inference.device import (
    ShardResult,
    cache_models,
    count_device_seconds,
    estimate_model_memory,
    measure_shards,
    record_model_use,
)
from nirank.inference.folders import BI_ENCODER_MODULES, check_modules
from nirank.inference.loading import ENCODER, fit_lengths, load_model, lower_precision, name_model
from nirank.inference.models import ModelFiles
from nirank.inference.quantised_layers import apply_precision
from nirank.inference.remembered import compute_missing_texts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Features = dict[str, Any]  # what a model reads: token ids, attention mask …
Precision = Literal["float32", "bfloat16", "float16", "int8"]
Side = Literal["query", "document"]

_NO_LIMIT = 10**9  # tokens, or more, that tokenizers without a limit claim to read
_PROBE_TEXTS = 8  # encoded alone and together before the first shard,
_PROBE_POOL = 4096  # chosen from as many
_COUNTED_DIFFERENCE, _REFUSED_DIFFERENCE = 1e-5, 1e-3  # between the two, for vectors of about unit length


@dataclass(frozen=True)
class Encoding:
    """How texts become vectors.

    prompt      put in front of every text, '' for none
    side        'query' or 'document', where the model reads the two otherwise; else None, and one text has one vector
    max_length  tokens, special ones included; None: the model's own
    pooling     'mean', 'cls', 'max' …; None: the model's own
    normalise   to unit length; None: as the model does
    precision   of the transformer; pooling and what follows stay float32
    storage     of the vectors on disk; they are scored in float32 whatever it is
    """

    model: ModelFiles
    prompt: str = ""
    max_length: int | None = None
    pooling: str | None = None
    normalise: bool | None = None
    precision: Precision = "float32"
    storage: Literal["float32", "float16"] = "float32"
    batch_tokens: int | None = None
    side: Side | None = None

    def to_params(self) -> dict[str, Any]:
        """Return what the vectors depend on; defaults are left out."""
        options = {
            "prompt": self.prompt or None,
            "max_length": self.max_length,
            "pooling": self.pooling,
            "normalise": self.normalise,
            "precision": None if self.precision == "float32" else self.precision,
            "storage": None if self.storage == "float32" else self.storage,
            "side": self.side,
        }
        return {
            "model": self.model.loaded_identity,
            **{name: value for name, value in options.items() if value is not None},
        }

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what encoding needs: the model, and the least batch."""
        del sizes
        return estimate_model_memory(self.model, self.precision)

    def to_memo_space(self) -> dict[str, Any]:
        """Return what a vector depends on beside its text, before it is stored in some type."""
        return replace(self, storage="float32").to_params()


def encode(texts: Iterable[str], n: int, how: Encoding, folder: Path, ctx: Context) -> None:
    """Encode n texts into `folder/vectors.npy`, (n, dimension), with `encoding.json` beside.

    A blank text gets the zero vector, equal texts equal vectors; what a memo knows is not computed again, and what is
    computed is kept shard by shard (see `remembered`). Memory is one shard. Counts
    truncated texts, tokens lost and zero vectors; declares what a row must say.
    Raises ModelError if the model cannot be loaded or gives a vector that is not finite.
    """
    model = _open_model(how, ctx.device)
    record_model_use(how.model, model, model.device, ctx)
    dimension, limit = (
        int(model.get_embedding_dimension() or 0),
        _get_max_tokens(_find_reader(model, how.side), how.side),
    )
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.dtype(how.storage), (n, dimension))
    encoded = iter(ctx.track(range(n), n, f"encoding with {how.model.name}"))
    first = list(islice(stream := iter(texts), _PROBE_POOL))
    _check_batches(model, _choose_probe_texts([text for text in first if text.strip()]), how, ctx)

    def write_rows(positions: NDArray[np.int64], rows: Rows) -> None:
        vectors[positions] = rows["vector"]
        count_truncated(rows["tokens"], limit, "truncated_texts", "tokens_lost", ctx)
        ctx.count("zero_vectors", int((~rows["vector"].any(1)).sum()))

    def encode_shard(shard: list[str]) -> Rows:
        return _encode_shard(model, shard, how, encoded)

    def compute(shards: Iterable[list[str]]) -> Iterable[ShardResult]:
        if ctx.engine is None:
            return map(measure_shards(encode_shard), shards)
        return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), describe_texts), shards)

    memo = ctx.open_memo({"embeddings": how.to_memo_space()}, find_row_type(dimension))
    compute_missing_texts(chain(first, stream), memo, compute, write_rows, ctx)
    deque(encoded, maxlen=0)
    vectors.flush()
    description = {
        "model": how.model.name,
        "revision": dict(how.model.identity),
        "prompt": how.prompt,
        "dimension": dimension,
        "max_length": limit,
        "pooling": _describe_pooling(model, how),
        "normalised": any(type(module).__name__ == "Normalize" for module in model),
        "precision": how.precision,
        "storage": how.storage,
        "similarity": how.model.similarity,
    }
    if model.truncate_dim is not None:
        description["truncate_dim"] = model.truncate_dim
    (folder / "encoding.json").write_text(json.dumps(description))
    for name in description.keys() - {"revision", "similarity"}:
        ctx.declare(name, description[name])


def _choose_probe_texts(texts: list[str]) -> list[str]:
    """Return a few texts of different lengths, from the shorter half: cheap, and padded all the same."""
    ordered = sorted(texts, key=len)[: max(len(texts) // 2, _PROBE_TEXTS)]
    return ordered[:: max(len(ordered) // _PROBE_TEXTS, 1)][:_PROBE_TEXTS]


def _check_batches(model: SentenceTransformer, texts: list[str], how: Encoding, ctx: Context) -> None:
    """Encode a few texts alone and together; raise ModelError where neighbours in a batch change a vector.

    In float32 a difference above 1e-3 is refused and one above 1e-5 counted; 16-bit arithmetic is only declared.
    """
    if len(texts) < 2:
        return
    memo = ctx.open_memo({"batch difference": how.to_memo_space()}, np.dtype("<f4"))
    key = hash_texts([""])  # one for a model and how it is used, whatever texts were tried first
    present, known = memo.get(key)
    if not present.all():
        try:
            together = _compute_vectors(model, _tokenize(model, texts, how.prompt, how.side))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return  # the encoding itself deals with so little memory
        alone = np.concatenate(
            [_compute_vectors(model, _tokenize(model, [text], how.prompt, how.side)) for text in texts]
        )
        scale = max(float(np.abs(alone).max()), 1.0)
        known = np.array([np.abs(together - alone).max() / scale], np.float32)
        known = memo.put(key, known, 0.0)
    difference = float(known[0])
    ctx.declare("batch_difference", float(f"{difference:.1e}"))
    if how.precision != "float32":
        return
    if difference > _REFUSED_DIFFERENCE:
        raise ModelError(
            f"model '{how.model.name}': a text's vector changes by {difference:.1e} with its neighbours in a batch;"
            " the model does not use its attention mask, or padding moves its positions"
        )
    ctx.count("batch_sensitive_models", int(difference > _COUNTED_DIFFERENCE))


def open_shards(how: Encoding, device: str) -> Callable[[list[str]], ShardResult]:
    """Load the model, and return the function that encodes a shard; a worker process calls this."""
    model = _open_model(how, device)
    return measure_shards(lambda texts: _encode_shard(model, texts, how, iter(())))


def describe_texts(texts: Sequence[str]) -> str:
    """Return a shard of texts in words, for messages."""
    shown = ", ".join(f"'{text[:40]}'" for text in texts[:3])
    return f"{len(texts):,} texts ({shown}{' …' if len(texts) > 3 else ''})"


def find_row_type(dimension: int) -> np.dtype[Any]:
    """Return the type of what a memo keeps of a text: its vector, and its tokens before any is cut."""
    return np.dtype([("vector", "<f4", (dimension,)), ("tokens", "<u4")])


def _encode_shard(model: SentenceTransformer, texts: Sequence[str], how: Encoding, encoded: Iterator[int]) -> Rows:
    """Encode a shard in batches of texts of similar length, longest first; advance `encoded` by every text."""
    reader = _find_reader(model, how.side)
    tokens = count_tokens(reader.tokenizer, [how.prompt + text for text in texts])
    limit = _get_max_tokens(reader, how.side)
    lengths = tokens if limit is None else np.minimum(tokens, limit)
    rows = np.zeros(len(texts), find_row_type(int(model.get_embedding_dimension() or 0)))
    rows["tokens"] = tokens
    vectors: NDArray[np.float32] = rows["vector"]

    def prepare(batch: list[int]) -> Features:
        return _tokenize(model, [texts[row] for row in batch], how.prompt, how.side)

    def run(batch: list[int], features: Features) -> None:
        with count_device_seconds(model.device):
            vectors[batch] = _compute_vectors(model, features)
        deque(islice(encoded, len(batch)), maxlen=0)

    filled = [row for row, text in enumerate(texts) if text.strip()]
    run_in_batches(lengths, filled, choose_token_budget(model.device.type, how.batch_tokens), prepare, run)
    infinite = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(infinite):
        raise ModelError(
            f"model '{how.model.name}' in {how.precision}: the vector of '{texts[infinite[0]][:60]}' is not finite"
            f" ({len(infinite)} such vectors)"
        )
    return rows


def count_truncated(
    tokens: NDArray[np.integer], limit: int | None, texts_name: str, tokens_name: str, ctx: Context
) -> None:
    """Count texts that are longer than the model reads, and the tokens that it does not see."""
    if limit is not None:
        lost = np.maximum(tokens.astype(np.int64) - limit, 0)
        ctx.count(texts_name, int((lost > 0).sum()))
        ctx.count(tokens_name, int(lost.sum()))


def _tokenize(model: SentenceTransformer, texts: list[str], prompt: str, side: Side | None = None) -> Features:
    if side is None:
        features: Features = model.preprocess(texts, prompt=prompt or None)
        return features
    return {**model.preprocess(texts, prompt=prompt or None, task=side), "task": side}


def _compute_vectors(model: SentenceTransformer, features: Features) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        features = {key: value.to(model.device) if hasattr(value, "to") else value for key, value in features.items()}
        outputs = model(features, **({"task": features["task"]} if "task" in features else {}))
        vectors: NDArray[np.float32] = outputs["sentence_embedding"][:, : model.truncate_dim].float().cpu().numpy()
    return vectors


def _find_reader(model: SentenceTransformer, side: Side | None) -> Any:
    """Return the module that reads a side's texts: the first, or the first of the side's route."""
    first = model[0]
    try:
        while hasattr(first, "sub_modules"):
            first = first.sub_modules[first._resolve_route(task=side, modality="text")][0]
    except ValueError as error:
        raise ModelError(f"a model with routes: {str(error).splitlines()[0]}") from None
    return first


def _get_max_tokens(reader: Any, side: Side | None) -> int | None:
    """Return how many tokens are read of a text; None: all."""
    limit = getattr(reader, f"{side}_length", None) or getattr(reader, "max_seq_length", None)
    return None if limit is None or limit >= _NO_LIMIT else int(limit)


def count_tokens(tokenizer: Any, texts: list[str]) -> NDArray[np.int64]:
    """Return how many tokens each text has, special ones included, before any is cut."""
    try:
        tokenized = tokenizer(
            texts, add_special_tokens=True, truncation=False, padding=False, return_attention_mask=False
        )
    except TypeError:  # a tokenizer that is no transformer's (static embeddings): nothing is ever cut
        return np.array([len(text) for text in texts], np.int64)
    return np.array([len(ids) for ids in tokenized["input_ids"]], np.int64)


def _describe_pooling(model: SentenceTransformer, how: Encoding) -> str | None:
    """Return how tokens become a vector, for the row; None: the model has no such module, or several that differ."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    modes = {module.pooling_mode for module in model.modules() if isinstance(module, Pooling)}
    if len(modes) != 1:
        return None
    (mode,) = modes
    name = mode if isinstance(mode, str) else "+".join(mode)
    return f"{name} (guessed)" if how.pooling is None and how.model.guessed_pooling else name


def _open_model(how: Encoding, device: str) -> SentenceTransformer:
    options = (how.max_length, how.pooling, how.normalise, how.precision)
    return _load(how.model.path, how.model.content, *options, choose_device(device))


@cache_models
def _load(
    path: Path,
    content: tuple[tuple[str, str], ...],
    max_length: int | None,
    pooling: str | None,
    normalise: bool | None,
    precision: Precision,
    device: str,
) -> SentenceTransformer:
    """Load a model once a process; `content` is its identity, so that a folder written anew is loaded anew."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    name = name_model(path)
    check_modules(name, path, BI_ENCODER_MODULES)
    model = load_model(name, path, content, SentenceTransformer, ENCODER, device)
    modules = dict(model.named_children())
    if pooling is not None:
        place = next((name for name, module in modules.items() if isinstance(module, Pooling)), None)
        if place is None:
            raise ModelError(f"model '{name}': has no pooling that could be replaced by '{pooling}'")
        try:
            old = modules[place]
            setattr(model, place, Pooling(old.embedding_dimension, pooling, include_prompt=old.include_prompt))
        except ValueError as error:
            raise ModelError(f"pooling '{pooling}': {error}") from None
    if normalise is False:
        for name, module in modules.items():
            if isinstance(module, Normalize):
                delattr(model, name)
    elif normalise and not any(isinstance(module, Normalize) for module in modules.values()):
        model.append(Normalize())
    fit_lengths(model, max_length, name)
    apply_precision(name, model, precision, device, partial(lower_precision, model, name), partial(_answer, model))
    return model


def _answer(model: SentenceTransformer) -> Answers:
    """Return the vectors of the sample of texts, as documents."""
    return np.asarray(model.encode_document(list(SAMPLE), show_progress_bar=False), np.float32)


def choose_device(device: str) -> str:
    """Return the device to use: an accelerator if there is one under 'auto'."""
    with count_loading():
        import torch

    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def read_vectors(folder: Path) -> tuple[NDArray[np.float32], Mapping[str, Any]]:
    """Map what `encode` wrote: vectors, and what is known of them."""
    return np.load(folder / "vectors.npy", mmap_mode="r"), json.loads((folder / "encoding.json").read_text())
