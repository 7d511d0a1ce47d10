"""How a model of hashed n-grams is trained: what it reads of a text, and what its rows weigh before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nirank.inference.folders import NGRAM_MODULE
from nirank.training.tokens import Ids, Inputs, Tokens

if TYPE_CHECKING:
    import torch

_TEXTS = 4096  # whose n-grams are held at a time
_NO_IDS = np.empty(0, np.int32)


def is_ngram_encoder(model: Any) -> bool:
    """Tell whether a model of sentence-transformers reads hashed n-grams."""
    kind = type(model[0])
    return f"{kind.__module__}.{kind.__name__}" == NGRAM_MODULE


def weigh_rows(model: Any, texts: pa.Array) -> None:
    """Multiply rows that nothing has trained by the idf of their bucket among the training texts; leave others alone.

    idf = 1 + ln((1 + n) / (1 + df)), scikit-learn's: vectors start as random projections of TF-IDF vectors.
    """
    import torch

    if not is_ngram_encoder(model) or not model[0].is_drawn:
        return
    n = len(texts)
    frequencies = np.zeros(model[0].buckets, np.int64)
    for first in range(0, n, _TEXTS):
        ids, offsets = model[0].hash_texts(texts.slice(first, _TEXTS).to_pylist())
        owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        distinct = np.unique(owners * model[0].buckets + ids)
        frequencies += np.bincount(distinct % model[0].buckets, minlength=model[0].buckets)
    idf = 1 + np.log((1 + n) / (1 + frequencies))
    with torch.no_grad():
        weights = model[0].embedding.weight
        weights *= torch.from_numpy(idf.astype(np.float32)).to(weights.device)[:, None]


class NGramReader:
    """Reads texts as buckets of their n-grams; nothing is cut, framed or padded."""

    limit: int | None = None

    def __init__(self, module: Any) -> None:
        self.module = module

    @property
    def text_limit(self) -> int:
        """Return more n-grams than any text has."""
        return int(np.iinfo(np.int64).max)

    @property
    def query_limit(self) -> int:
        """Return more n-grams than any text has."""
        return self.text_limit

    def read(self, texts: Sequence[str], prompt: str = "") -> Tokens:
        """Return the buckets of texts with a prompt in front."""
        ids, offsets = self.module.hash_texts([prompt + text for text in texts])
        return Tokens(ids.astype(np.int32), offsets)

    def frame_text(self, ids: Ids) -> tuple[Ids, Ids]:
        """Return a text's buckets; n-grams have no types."""
        return ids, _NO_IDS

    def frame_pair(self, query: Ids, doc: Ids) -> tuple[Ids, Ids]:
        """Refuse: n-grams of two texts have no order."""
        raise NotImplementedError("hashed n-grams make no cross-encoder")

    def pad_rows(self, rows: Sequence[tuple[Ids, Ids]]) -> Inputs:
        """Return the inputs of a model: all buckets, and where each text's begin."""
        import torch

        ids = np.concatenate([_NO_IDS, *(row for row, _ in rows)]).astype(np.int64)
        offsets = np.cumsum([0, *(len(row) for row, _ in rows)], dtype=np.int64)
        return {"input_ids": torch.from_numpy(ids), "offsets": torch.from_numpy(offsets)}

    def split_passes(self, rows: Sequence[tuple[Ids, Ids]]) -> tuple[list[Inputs], torch.Tensor]:
        """Return the inputs of one pass, and where each row's output stands."""
        import torch

        return [self.pad_rows(rows)], torch.arange(len(rows))
