"""Late interaction: token vectors of both texts, and MaxSim between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import Keys, combine_keys, hash_texts
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
    read_hidden_size,
    record_model_use,
)
from nirank.inference.encoder import Precision, Side, choose_device, count_truncated
from nirank.inference.folders import LATE_INTERACTION_MODULES, check_modules
from nirank.inference.loading import LATE, count_positions, fit_lengths, load_model, lower_precision, name_model
from nirank.inference.models import ModelFiles
from nirank.inference.quantised_layers import apply_precision
from nirank.inference.remembered import compute_missing_pairs
from nirank.inference.token_counts import count_text_tokens

if TYPE_CHECKING:
    import torch
    from sentence_transformers import MultiVectorEncoder

_SHARD_DOCS = 512  # whose token vectors are in memory at a time


@dataclass(frozen=True)
class TokenEncoding:
    """How texts become token vectors of unit length.

    max_length    tokens of a document; query_length of a query; None: the model's own
    """

    model: ModelFiles
    max_length: int | None = None
    query_length: int | None = None
    precision: Precision = "float32"
    batch_tokens: int | None = None

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what scoring needs: the model, the texts, keys of all pairs, and the queries' token vectors."""
        vectors = sizes.queries * (self.query_length or self.max_length or 512) * 4 * read_hidden_size(self.model)
        main, worker = estimate_model_memory(self.model, self.precision)
        return MemoryNeed(
            main + vectors + 2 * (sizes.query_bytes + sizes.doc_bytes) + 48 * sizes.listed_pairs,
            worker + vectors + 2 * sizes.query_bytes,
        )

    def to_memo_space(self, model: MultiVectorEncoder) -> dict[str, Any]:
        """Return what a pair's score depends on beside the two texts."""
        lengths = {side: _get_max_tokens(model, side) for side in get_args(Side)}
        return {"model": self.model.loaded_identity, "lengths": lengths, "precision": self.precision}


def maxsim(
    queries: Sequence[str], docs: Sequence[str], pairs: NDArray[np.integer], how: TokenEncoding, ctx: Context
) -> NDArray[np.float32]:
    """Return the sum over query tokens of the greatest cosine with a document token, (n_pairs,) float32.

    queries, docs  the texts; a blank one has no tokens, and scores 0
    pairs          (n_pairs, 2) positions in them
    Memory: the queries' vectors and those of one shard of documents. Counts truncated texts and tokens lost.

    What a memo knows is not scored again. Token vectors themselves are not kept: a text has as many as tokens, so that
    they would take a hundred times the text's own bytes, and reading them back is no faster than a small model.
    """
    options = (how.max_length, how.query_length, how.precision)
    model = _load(how.model.path, how.model.content, *options, choose_device(ctx.device))
    record_model_use(how.model, model, model.device, ctx)
    keys = {"query": hash_texts(queries), "document": hash_texts(docs)}
    query_tokens = _count_read_tokens(model, queries, keys["query"], "query", how, ctx)
    doc_tokens = _count_read_tokens(model, docs, keys["document"], "document", how, ctx)
    done = iter(ctx.track(range(len(pairs)), len(pairs), f"MaxSim with {how.model.name}"))

    def cut_by_document(missing: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Cut by document, so that each is encoded once."""
        longest = int(doc_tokens.max(initial=1))
        n = fit_block_size(
            _SHARD_DOCS, 3 * 4 * read_hidden_size(how.model) * longest
        )  # as encoded, of unit length, and side by side
        by_doc = missing[np.argsort(pairs[missing, 1], kind="stable")]
        starts = np.flatnonzero(np.diff(pairs[by_doc, 1], prepend=-1))[::n]
        yield from (part for part in np.split(by_doc, starts[1:]) if len(part))

    def gather_texts(shard: NDArray[np.int64]) -> _Shard:
        rows, at = np.unique(pairs[shard, 1], return_inverse=True)
        shard_docs = [docs[row] for row in rows.tolist()]
        return _Shard(list(queries), query_tokens, shard_docs, doc_tokens[rows], pairs[shard, 0], at)

    def compute(shards: Iterable[NDArray[np.int64]]) -> Iterable[ShardResult]:
        texts = map(gather_texts, shards)
        if ctx.engine is None:
            return map(measure_shards(partial(_score_shard, model, how, {}, done)), texts)
        return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), _describe_shard), texts)

    memo = ctx.open_memo({"maxsim": how.to_memo_space(model)}, np.dtype("<f4"))
    pair_keys = combine_keys(keys["query"][pairs[:, 0]], keys["document"][pairs[:, 1]])
    scores: NDArray[np.float32] = compute_missing_pairs(pair_keys, memo, cut_by_document, compute, np.dtype("<f4"), ctx)
    for _ in done:
        pass
    ctx.declare("model", how.model.name)
    ctx.declare("precision", how.precision)
    ctx.declare("lengths", {side: _get_max_tokens(model, side) for side in ("query", "document")})
    return scores


@dataclass(frozen=True)
class _Shard:
    """Queries and documents with how many tokens are read of each, and pairs as positions in the two."""

    queries: list[str]
    query_tokens: NDArray[np.int64]
    docs: list[str]
    doc_tokens: NDArray[np.int64]
    q: NDArray[np.int64]
    d: NDArray[np.int64]


def open_shards(how: TokenEncoding, device: str) -> Callable[[_Shard], ShardResult]:
    """Load the model, and return the function that scores a shard; a worker process calls this."""
    options = (how.max_length, how.query_length, how.precision)
    model = _load(how.model.path, how.model.content, *options, choose_device(device))
    return measure_shards(partial(_score_shard, model, how, {}, iter(())))


def _describe_shard(shard: _Shard) -> str:
    shown = ", ".join(f"'{text[:40]}'" for text in shard.docs[:3])
    return f"{len(shard.q):,} pairs with {len(shard.docs):,} documents ({shown}{' …' if len(shard.docs) > 3 else ''})"


def _score_shard(
    model: MultiVectorEncoder,
    how: TokenEncoding,
    query_vectors: dict[tuple[str, ...], list[torch.Tensor]],
    done: Iterator[int],
    shard: _Shard,
) -> NDArray[np.float32]:
    """Score a shard's pairs; `query_vectors` keeps the queries' from one shard to the next; advance `done` by pairs."""
    import torch

    queries = tuple(shard.queries)
    if queries not in query_vectors:
        query_vectors.clear()
        query_vectors[queries] = _encode_tokens(model, queries, "query", how, shard.query_tokens)
    vectors = _encode_tokens(model, shard.docs, "document", how, shard.doc_tokens)
    scores = np.zeros(len(shard.q), np.float32)
    for query in np.unique(shard.q).tolist():
        places = np.flatnonzero(shard.q == query)
        with torch.inference_mode(), count_device_seconds(model.device):
            scores[places] = _score(query_vectors[queries][query], [vectors[doc] for doc in shard.d[places].tolist()])
        for _ in places:
            next(done, None)
    if not np.isfinite(scores).all():
        raise ModelError(
            f"model '{how.model.name}' in {how.precision}: {(~np.isfinite(scores)).sum()} scores not finite"
        )
    return scores


def _score(query: torch.Tensor, docs: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    """Score one query, (tokens, dimension), with several documents: one product over all their tokens."""
    import torch

    lengths = list(map(len, docs))
    if not len(query) or not sum(lengths):
        return np.zeros(len(docs), np.float32)
    similar = query @ torch.cat(list(docs)).T
    parts = torch.split(similar, lengths, dim=1)
    sums = [part.amax(1).sum() if part.shape[1] else torch.zeros((), device=query.device) for part in parts]
    scores: NDArray[np.float32] = torch.stack(sums).float().cpu().numpy()
    return scores


def _get_max_tokens(model: MultiVectorEncoder, side: Side) -> int | None:
    """Return how many tokens are read of a side's texts."""
    side_length: int | None = getattr(model[0], f"{side}_length", None)
    return side_length or model.max_seq_length


def _count_read_tokens(
    model: MultiVectorEncoder, texts: Sequence[str], keys: Keys, side: Side, how: TokenEncoding, ctx: Context
) -> NDArray[np.int64]:
    """Return how many tokens are read of each text, and count what is cut; a blank text has none."""
    prompt = (model.prompts or {}).get(side) or ""
    tokenizer: Any = model.tokenizer

    def count(batch: list[str]) -> list[int]:
        token_ids = iter(tokenizer([prompt + text for text in batch if text.strip()] or [""])["input_ids"])
        return [len(next(token_ids)) if text.strip() else 0 for text in batch]

    counts = count_text_tokens(texts, keys, count, {"model": how.model.loaded_identity, "read with": prompt}, ctx)
    limit = _get_max_tokens(model, side)
    name = "queries" if side == "query" else "documents"
    count_truncated(counts, limit, f"truncated_{name}", f"{side}_tokens_lost", ctx)
    return counts if limit is None else np.minimum(counts, limit)


def _encode_tokens(
    model: MultiVectorEncoder, texts: Sequence[str], side: Side, how: TokenEncoding, lengths: NDArray[np.int64]
) -> list[torch.Tensor]:
    """Return each text's token vectors, (tokens, dimension) float32; `lengths` are how many tokens are read."""
    import torch

    dimension = int(model.get_embedding_dimension() or 0)
    empty = torch.zeros((0, dimension), device=model.device)
    vectors = [empty] * len(texts)
    filled = [row for row, text in enumerate(texts) if text.strip()]
    if not filled:
        return vectors

    def run(batch: list[int], _: list[int]) -> None:
        encode = model.encode_query if side == "query" else model.encode_document
        with count_device_seconds(model.device):
            encoded = encode([texts[row] for row in batch], batch_size=len(batch), show_progress_bar=False)
        for row, tokens in zip(batch, encoded, strict=True):
            vectors[row] = torch.nn.functional.normalize(torch.as_tensor(tokens).float(), dim=-1)

    run_in_batches(lengths, filled, choose_token_budget(model.device.type, how.batch_tokens), list, run)
    return vectors


@cache_models
def _load(
    path: Path,
    content: tuple[tuple[str, str], ...],
    max_length: int | None,
    query_length: int | None,
    precision: Precision,
    device: str,
) -> MultiVectorEncoder:
    """Load a model once a process.

    A model that was made for late interaction is loaded as it is. Any other encoder gives its own token vectors: no
    projection is added, which would be random.
    """
    from sentence_transformers import MultiVectorEncoder

    name = name_model(path)
    check_modules(name, path, LATE_INTERACTION_MODULES)
    build = MultiVectorEncoder if is_multi_vector(path) else _build_from_encoder
    model = load_model(name, path, content, build, LATE, device)
    fit_lengths(model, None, name)
    known = count_positions(model)
    try:
        for side, length in (("document", max_length), ("query", query_length or max_length)):
            if length is not None and known is not None and length > known:
                raise ModelError(f"model '{name}': a length of {length} is more than its {known} positions")
            if length is not None:
                setattr(model[0], f"{side}_length", length)
    except ValueError as error:
        raise ModelError(f"model '{name}': {str(error).splitlines()[0]}") from None
    lower, answer = partial(lower_precision, model, name), partial(_answer, model)
    apply_precision(name, model[0], precision, model.device.type, lower, answer)
    return model


def _answer(model: MultiVectorEncoder) -> Answers:
    """Return the scores of the sample's texts, of each as a query with each as a document, as one row."""
    import torch

    sides = [
        [torch.nn.functional.normalize(torch.as_tensor(tokens).float(), dim=-1) for tokens in encoded]
        for encoded in (
            model.encode_query(list(SAMPLE), show_progress_bar=False),
            model.encode_document(list(SAMPLE), show_progress_bar=False),
        )
    ]
    return centre_scores(np.concatenate([_score(query, sides[1]) for query in sides[0]]))


def _build_from_encoder(path: str, **options: Any) -> MultiVectorEncoder:
    """Make of an encoder a model that gives its own token vectors, of unit length, and keeps its prompts."""
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from sentence_transformers.sentence_transformer.modules import Normalize, Transformer

    encoder = SentenceTransformer(path, **options)
    if not isinstance(encoder[0], Transformer):
        raise ModelError(
            f"model '{name_model(Path(path))}': begins with a {type(encoder[0]).__name__};"
            " token vectors are a transformer's"
        )
    normalise = Normalize(module_input_name="token_embeddings", module_output_name="token_embeddings")
    modules = [encoder[0], MultiVectorMask(), normalise]
    return MultiVectorEncoder(modules=modules, device=options["device"], prompts=encoder.prompts)


def is_multi_vector(path: Path) -> bool:
    """Tell whether a model's files say that it was made for late interaction."""
    import json

    if (path / "artifact.metadata").exists():
        return True
    try:
        modules = json.loads((path / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    kinds = [str(module.get("type", "")) for module in modules]
    return any("MultiVectorMask" in kind or "pylate" in kind.lower() for kind in kinds)
