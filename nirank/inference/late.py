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
from nirank.inference.batches import in_batches, token_budget
from nirank.inference.device import Answer, computing, hidden_size, loader, model_need, state_use, timed
from nirank.inference.encoder import Precision, Side, chosen_device, count_lost
from nirank.inference.folders import RUN_LATE, check_modules
from nirank.inference.loading import LATE, called, fit_lengths, load_whole, lower, positions
from nirank.inference.models import ModelFiles
from nirank.inference.packed_layers import pack_encoders
from nirank.inference.remembered import remembered_pairs
from nirank.inference.token_counts import token_counts

if TYPE_CHECKING:
    import torch
    from sentence_transformers import MultiVectorEncoder

_SHARD = 512  # documents whose token vectors are held at a time


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

    def memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what scoring needs: the model, the texts, keys of all pairs, and the queries' token vectors."""
        vectors = sizes.queries * (self.query_length or self.max_length or 512) * 4 * hidden_size(self.model)
        here, worker = model_need(self.model, self.precision)
        return MemoryNeed(
            here + vectors + 2 * (sizes.query_bytes + sizes.doc_bytes) + 48 * sizes.listed_pairs,
            worker + vectors + 2 * sizes.query_bytes,
        )

    def space(self, model: MultiVectorEncoder) -> dict[str, Any]:
        """Return what a pair's score depends on beside the two texts."""
        lengths = {side: _length(model, side) for side in get_args(Side)}
        return {"model": self.model.loaded, "lengths": lengths, "precision": self.precision}


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
    model = _load(how.model.path, how.model.content, *options, chosen_device(ctx.device))
    state_use(how.model, model, model.device, ctx)
    keys = {"query": hash_texts(queries), "document": hash_texts(docs)}
    asked_tokens = _tokens(model, queries, keys["query"], "query", how, ctx)
    doc_tokens = _tokens(model, docs, keys["document"], "document", how, ctx)
    done = iter(ctx.track(range(len(pairs)), len(pairs), f"MaxSim with {how.model.name}"))

    def shards(missing: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Cut by document, so that each is encoded once."""
        longest = int(doc_tokens.max(initial=1))
        n = fit_block_size(
            _SHARD, 3 * 4 * hidden_size(how.model) * longest
        )  # as encoded, of unit length, and side by side
        by_doc = missing[np.argsort(pairs[missing, 1], kind="stable")]
        starts = np.flatnonzero(np.diff(pairs[by_doc, 1], prepend=-1))[::n]
        yield from (part for part in np.split(by_doc, starts[1:]) if len(part))

    def texts_of(shard: NDArray[np.int64]) -> _Shard:
        rows, at = np.unique(pairs[shard, 1], return_inverse=True)
        some = [docs[row] for row in rows.tolist()]
        return _Shard(list(queries), asked_tokens, some, doc_tokens[rows], pairs[shard, 0], at)

    def compute(some: Iterable[NDArray[np.int64]]) -> Iterable[Answer]:
        texts = map(texts_of, some)
        if ctx.engine is None:
            return map(timed(partial(_score_shard, model, how, {}, done)), texts)
        return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), _told), texts)

    memo = ctx.open_memo({"maxsim": how.space(model)}, np.dtype("<f4"))
    of_pairs = combine_keys(keys["query"][pairs[:, 0]], keys["document"][pairs[:, 1]])
    found = remembered_pairs(of_pairs, memo, shards, compute, np.dtype("<f4"), ctx)
    for _ in done:
        pass
    ctx.declare("model", how.model.name)
    ctx.declare("precision", how.precision)
    ctx.declare("lengths", {side: _length(model, side) for side in ("query", "document")})
    return found


@dataclass(frozen=True)
class _Shard:
    """Queries and documents with how many tokens are read of each, and pairs as positions in the two."""

    queries: list[str]
    query_tokens: NDArray[np.int64]
    docs: list[str]
    doc_tokens: NDArray[np.int64]
    q: NDArray[np.int64]
    d: NDArray[np.int64]


def open_shards(how: TokenEncoding, device: str) -> Callable[[_Shard], Answer]:
    """Load the model, and return what scores a shard: the work of a process that another one sends shards to."""
    options = (how.max_length, how.query_length, how.precision)
    model = _load(how.model.path, how.model.content, *options, chosen_device(device))
    return timed(partial(_score_shard, model, how, {}, iter(())))


def _told(shard: _Shard) -> str:
    shown = ", ".join(f"'{text[:40]}'" for text in shard.docs[:3])
    return f"{len(shard.q):,} pairs with {len(shard.docs):,} documents ({shown}{' …' if len(shard.docs) > 3 else ''})"


def _score_shard(
    model: MultiVectorEncoder,
    how: TokenEncoding,
    asked: dict[tuple[str, ...], list[torch.Tensor]],
    done: Iterator[int],
    shard: _Shard,
) -> NDArray[np.float32]:
    """Score a shard's pairs; `asked` keeps the queries' vectors from one shard to the next; advance `done` by pairs."""
    import torch

    queries = tuple(shard.queries)
    if queries not in asked:
        asked.clear()
        asked[queries] = _token_vectors(model, queries, "query", how, shard.query_tokens)
    vectors = _token_vectors(model, shard.docs, "document", how, shard.doc_tokens)
    scores = np.zeros(len(shard.q), np.float32)
    for query in np.unique(shard.q).tolist():
        here = np.flatnonzero(shard.q == query)
        with torch.inference_mode(), computing(model.device):
            scores[here] = _score(asked[queries][query], [vectors[one] for one in shard.d[here].tolist()])
        for _ in here:
            next(done, None)
    if not np.isfinite(scores).all():
        raise ModelError(
            f"model '{how.model.name}' in {how.precision}: {(~np.isfinite(scores)).sum()} scores not finite"
        )
    return scores


def _score(query: torch.Tensor, docs: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    """Score one query, (tokens, dimension), with several documents: one product over all their tokens."""
    import torch

    lengths = [len(one) for one in docs]
    if not len(query) or not sum(lengths):
        return np.zeros(len(docs), np.float32)
    similar = query @ torch.cat(list(docs)).T
    parts = torch.split(similar, lengths, dim=1)
    sums = [part.amax(1).sum() if part.shape[1] else torch.zeros((), device=query.device) for part in parts]
    scores: NDArray[np.float32] = torch.stack(sums).float().cpu().numpy()
    return scores


def _length(model: MultiVectorEncoder, side: Side) -> int | None:
    """Return how many tokens are read of a side's texts."""
    own: int | None = getattr(model[0], f"{side}_length", None)
    return own or model.max_seq_length


def _tokens(
    model: MultiVectorEncoder, texts: Sequence[str], keys: Keys, side: Side, how: TokenEncoding, ctx: Context
) -> NDArray[np.int64]:
    """Return how many tokens are read of each text, and count what is cut; a blank text has none."""
    prompt = (model.prompts or {}).get(side) or ""
    tokenizer: Any = model.tokenizer

    def count(some: list[str]) -> list[int]:
        read = iter(tokenizer([prompt + text for text in some if text.strip()] or [""])["input_ids"])
        return [len(next(read)) if text.strip() else 0 for text in some]

    found = token_counts(texts, keys, count, {"model": how.model.loaded, "read with": prompt}, ctx)
    limit = _length(model, side)
    name = "queries" if side == "query" else "documents"
    count_lost(found, limit, f"truncated_{name}", f"{side}_tokens_lost", ctx)
    return found if limit is None else np.minimum(found, limit)


def _token_vectors(
    model: MultiVectorEncoder, texts: Sequence[str], side: Side, how: TokenEncoding, lengths: NDArray[np.int64]
) -> list[torch.Tensor]:
    """Return each text's token vectors, (tokens, dimension) float32; `lengths` are how many tokens are read."""
    import torch

    dimension = int(model.get_embedding_dimension() or 0)
    empty = torch.zeros((0, dimension), device=model.device)
    found = [empty] * len(texts)
    filled = [row for row, text in enumerate(texts) if text.strip()]
    if not filled:
        return found

    def run(batch: list[int], _: list[int]) -> None:
        encode = model.encode_query if side == "query" else model.encode_document
        with computing(model.device):
            vectors = encode([texts[row] for row in batch], batch_size=len(batch), show_progress_bar=False)
        for row, one in zip(batch, vectors, strict=True):
            found[row] = torch.nn.functional.normalize(torch.as_tensor(one).float(), dim=-1)

    in_batches(lengths, filled, token_budget(model.device.type, how.batch_tokens), list, run)
    return found


@loader
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

    name = called(path)
    check_modules(name, path, RUN_LATE)
    make = MultiVectorEncoder if is_multi_vector(path) else _of_tokens
    model = load_whole(name, path, content, make, LATE, device)
    fit_lengths(model, None, name)
    known = positions(model)
    try:
        for side, length in (("document", max_length), ("query", query_length or max_length)):
            if length is not None and known is not None and length > known:
                raise ModelError(f"model '{name}': a length of {length} is more than its {known} positions")
            if length is not None:
                setattr(model[0], f"{side}_length", length)
    except ValueError as error:
        raise ModelError(f"model '{name}': {str(error).splitlines()[0]}") from None
    if model.device.type == "cpu":
        pack_encoders(model[0], precision)
    lower(model, name, precision)
    return model


def _of_tokens(path: str, **options: Any) -> MultiVectorEncoder:
    """Make of an encoder a model that gives its own token vectors, of unit length, and keeps its prompts."""
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from sentence_transformers.sentence_transformer.modules import Normalize, Transformer

    whole = SentenceTransformer(path, **options)
    if not isinstance(whole[0], Transformer):
        raise ModelError(
            f"model '{called(Path(path))}': begins with a {type(whole[0]).__name__}; token vectors are a transformer's"
        )
    normalise = Normalize(module_input_name="token_embeddings", module_output_name="token_embeddings")
    modules = [whole[0], MultiVectorMask(), normalise]
    return MultiVectorEncoder(modules=modules, device=options["device"], prompts=whole.prompts)


def is_multi_vector(path: Path) -> bool:
    """Tell whether a model's files say that it was made for late interaction."""
    import json

    if (path / "artifact.metadata").exists():
        return True
    try:
        modules = json.loads((path / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    kinds = [str(one.get("type", "")) for one in modules]
    return any("MultiVectorMask" in kind or "pylate" in kind.lower() for kind in kinds)
