"""Vectors of words: a model's input embeddings, and the centroids of texts among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import MemoryNeed, Sizes
from nirank.errors import ModelError
from nirank.inference.device import cache_models, estimate_model_memory
from nirank.inference.folders import BI_ENCODER_MODULES, check_modules
from nirank.inference.loading import ENCODER, load_model, name_model
from nirank.inference.models import ModelFiles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class WordVectors:
    """The words, or word pieces, of a bi-encoder's tokenizer, and their input embeddings."""

    model: ModelFiles

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what centroids need: the model, and a block of texts."""
        del sizes
        return estimate_model_memory(self.model, "float32")


class OpenVectors(NamedTuple):
    """Opened word vectors.

    tokenize  texts → the tokens' rows of each, special ones left out
    unknown   the row of what is no word; None: there is none
    matrix    (V, dimension) float32
    """

    tokenize: Callable[[list[str]], list[list[int]]]
    unknown: int | None
    matrix: NDArray[np.float32]


def open_word_vectors(how: WordVectors) -> OpenVectors:
    """Load a model's tokenizer and input embeddings; raise ModelError where it has none."""
    return _load(how.model.path, how.model.content)


@cache_models
def _load(path: Path, content: tuple[tuple[str, str], ...]) -> OpenVectors:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    name = name_model(path)
    check_modules(name, path, BI_ENCODER_MODULES)
    model: Any = load_model(name, path, content, SentenceTransformer, ENCODER, "cpu")
    first = model[0]
    if isinstance(first, StaticEmbedding):
        tokenizer, weights = first.tokenizer, first.embedding.weight

        def split(texts: list[str]) -> list[list[int]]:
            return [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]

        return OpenVectors(split, None, _to_array(weights))
    body = next((module for module in model.modules() if hasattr(module, "get_input_embeddings")), None)
    tokenizer = getattr(first, "tokenizer", None)
    if body is None or not callable(tokenizer):
        raise ModelError(f"model '{name}': has no word vectors; expected a transformer's, or static embeddings")

    def tokenize(texts: list[str]) -> list[list[int]]:
        options = {"add_special_tokens": False, "truncation": False, "return_attention_mask": False}
        rows: list[list[int]] = tokenizer(texts, **options)["input_ids"]
        return rows

    return OpenVectors(tokenize, tokenizer.unk_token_id, _to_array(body.get_input_embeddings().weight))


def _to_array(weights: Any) -> NDArray[np.float32]:
    array: NDArray[np.float32] = weights.detach().float().cpu().numpy()
    return array


def count_tokens(blocks: Iterable[list[str]], vectors: OpenVectors) -> Iterator[csr_matrix]:
    """Yield how often each token stands in each text, (n_texts, V) float32, a block of texts at a time."""
    from scipy.sparse import csr_matrix

    width = len(vectors.matrix)
    for block in blocks:
        tokens = vectors.tokenize(block) if block else []
        columns = np.fromiter((token for text in tokens for token in text), np.int64)
        rows = np.repeat(np.arange(len(tokens)), [len(text) for text in tokens])
        known = columns != (-1 if vectors.unknown is None else vectors.unknown)
        keys, counts = np.unique(rows[known] * width + columns[known], return_counts=True)
        places = np.divmod(keys, width)
        yield csr_matrix((counts.astype(np.float32), places), (len(block), width))


def compute_idf(df: NDArray[np.int64], n: int) -> NDArray[np.float32]:
    """Return BM25's idf of each token, ln(1 + (n - df + 0.5) / (df + 0.5)), 0 for those that no document has."""
    idf = np.where(df > 0, np.log(1 + (n - df + 0.5) / (df + 0.5)), 0.0)
    return idf.astype(np.float32)


def compute_centroids(counts: csr_matrix, idf: NDArray[np.float32], vectors: OpenVectors) -> NDArray[np.float32]:
    """Return Σ tf × idf × vector / Σ tf × idf of each text, (n_texts, dimension); zero where no token has a weight."""
    weighted = counts.multiply(idf[None, :]).tocsr()
    sums = np.asarray(weighted.sum(axis=1), np.float32).reshape(-1, 1)
    total: NDArray[np.float32] = weighted @ vectors.matrix
    centroids: NDArray[np.float32] = np.divide(total, sums, where=sums > 0, out=np.zeros_like(total))
    return centroids
