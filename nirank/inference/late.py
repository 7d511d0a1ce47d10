"""Late interaction: token vectors of both texts, and MaxSim between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.context import Context
from nirank.errors import ModelError
from nirank.inference.batches import in_batches, token_budget
from nirank.inference.encoder import Precision, chosen_device, hush
from nirank.inference.models import ModelFiles
from nirank.inference.packed import pack

if TYPE_CHECKING:
    import torch
    from sentence_transformers import MultiVectorEncoder

_SHARD = 512  # documents whose token vectors are held at a time
Side = Literal["query", "document"]


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


def maxsim(
    queries: Sequence[str], docs: Sequence[str], pairs: NDArray[np.integer], how: TokenEncoding, ctx: Context
) -> NDArray[np.float32]:
    """Return the sum over query tokens of the greatest cosine with a document token, (n_pairs,) float32.

    queries, docs  the texts; a blank one has no tokens, and scores 0
    pairs          (n_pairs, 2) positions in them
    Memory: the queries' vectors and those of one shard of documents. Counts truncated texts and tokens lost.
    """
    import torch

    content = tuple(sorted(how.model.identity.items()))
    options = (how.max_length, how.query_length, how.precision)
    model = _load(how.model.path, content, *options, chosen_device(ctx.device))
    asked = _token_vectors(model, queries, "query", how, ctx)
    found = np.zeros(len(pairs), np.float32)
    by_doc = np.argsort(pairs[:, 1], kind="stable")
    doc_of = pairs[by_doc, 1]
    done = iter(ctx.track(range(len(pairs)), len(pairs), f"MaxSim with {how.model.name}"))
    for start in range(0, len(docs), _SHARD):
        first, last = np.searchsorted(doc_of, (start, start + _SHARD))
        here = by_doc[first:last]
        if not len(here):
            continue
        vectors = _token_vectors(model, docs[start : start + _SHARD], "document", how, ctx)
        for query in np.unique(pairs[here, 0]).tolist():
            rows = here[pairs[here, 0] == query]
            with torch.inference_mode():
                found[rows] = _score(asked[query], [vectors[row - start] for row in pairs[rows, 1].tolist()])
            for _ in rows:
                next(done, None)
    for _ in done:
        pass
    ctx.declare("model", how.model.name)
    ctx.declare("precision", how.precision)
    ctx.declare("lengths", {side: _length(model, side) for side in ("query", "document")})
    if not np.isfinite(found).all():
        raise ModelError(
            f"model '{how.model.name}' in {how.precision}: {(~np.isfinite(found)).sum()} scores not finite"
        )
    return found


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


def _token_vectors(
    model: MultiVectorEncoder, texts: Sequence[str], side: Side, how: TokenEncoding, ctx: Context
) -> list[torch.Tensor]:
    """Return each text's token vectors, (tokens, dimension) float32."""
    import torch

    dimension = int(model.get_embedding_dimension() or 0)
    empty = torch.zeros((0, dimension), device=model.device)
    found = [empty] * len(texts)
    filled = [row for row, text in enumerate(texts) if text.strip()]
    if not filled:
        return found
    limit = _length(model, side)
    prompt = (model.prompts or {}).get(side) or ""
    tokenizer: Any = model.tokenizer
    lengths = np.zeros(len(texts), np.int64)
    lengths[filled] = [len(ids) for ids in tokenizer([prompt + texts[row] for row in filled])["input_ids"]]
    if limit is not None:
        lost = np.maximum(lengths - limit, 0)
        name = "queries" if side == "query" else "documents"
        ctx.count(f"truncated_{name}", int((lost > 0).sum()))
        ctx.count(f"{side}_tokens_lost", int(lost.sum()))
        lengths = np.minimum(lengths, limit)

    def run(batch: list[int], _: list[int]) -> None:
        encode = model.encode_query if side == "query" else model.encode_document
        vectors = encode([texts[row] for row in batch], batch_size=len(batch), show_progress_bar=False)
        for row, one in zip(batch, vectors, strict=True):
            found[row] = torch.nn.functional.normalize(torch.as_tensor(one).float(), dim=-1)

    in_batches(lengths, filled, token_budget(model.device.type, how.batch_tokens), list, run)
    return found


@lru_cache(maxsize=2)
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
    import torch

    hush()
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from sentence_transformers.sentence_transformer.modules import Normalize

    options: dict[str, Any] = {
        "device": device,
        "local_files_only": True,
        "model_kwargs": {"use_safetensors": True},
    }
    try:
        if is_multi_vector(path):
            model = MultiVectorEncoder(str(path), **options)
        else:
            whole = SentenceTransformer(str(path), **options)
            normalise = Normalize(module_input_name="token_embeddings", module_output_name="token_embeddings")
            model = MultiVectorEncoder(modules=[whole[0], MultiVectorMask(), normalise], device=device)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"model in {path.name}: cannot be loaded for token vectors ({reason})") from error
    try:
        for side, length in (("document", max_length), ("query", query_length or max_length)):
            if length is not None:
                setattr(model[0], f"{side}_length", length)
    except ValueError as error:
        raise ModelError(f"model in {path.name}: {str(error).splitlines()[0]}") from None
    model.eval()
    if model.device.type == "cpu":
        pack(model[0], precision)
    if precision != "float32":
        model[0].to(getattr(torch, precision))
    return model


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
