"""The module that embeds hashed n-grams, as sentence-transformers loads it by name from a model's modules.json.

It is imported by whoever loads such a model, and by nobody else: it needs torch at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sentence_transformers.base.modules import InputModule

from nirank.inference.ngram_hashing import hash_ngrams

_WEIGHTS = "model.safetensors"
_MIX, _MIX_AGAIN, _STEP = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0x9E3779B97F4A7C15)
_BITS = 64


class NGramEmbedding(InputModule):  # type: ignore[misc]
    """Sums a learned row for every n-gram of a text, over the root of their number.

    ngrams, buckets  as in `hash_ngrams`
    hidden_size      length of a row
    seed             of the rows that nothing has trained: signs over √hidden_size, so that products of two texts'
                     vectors are those of their n-gram counts, give or take 1 / √hidden_size (Achlioptas, JCSS 2003)
    """

    config_keys: ClassVar = ["ngrams", "buckets", "hidden_size", "seed"]
    tokenizer: Any = None  # n-grams are counted, and no text is cut

    def __init__(self, ngrams: Sequence[int], buckets: int, hidden_size: int, seed: int, rows: Any = None) -> None:
        super().__init__()
        self.ngrams, self.buckets, self.hidden_size, self.seed = list(ngrams), buckets, hidden_size, seed
        self.is_drawn = rows is None
        start = torch.from_numpy(draw_signs(buckets, hidden_size, seed)) if rows is None else rows
        self.embedding = torch.nn.EmbeddingBag.from_pretrained(
            start, freeze=False, mode="sum", include_last_offset=True
        )

    def hash_texts(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return texts as buckets and where each text's begin."""
        return hash_ngrams(texts, (self.ngrams[0], self.ngrams[1]), self.buckets)

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **_: Any) -> dict[str, Any]:
        """Return the features of texts."""
        ids, offsets = self.hash_texts([prompt + text for text in inputs] if prompt else list(inputs))
        return {"input_ids": torch.from_numpy(ids), "offsets": torch.from_numpy(offsets)}

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Add `sentence_embedding`, (texts, hidden_size); a text without n-grams has zeros."""
        sums = self.embedding(features["input_ids"], features["offsets"])
        counts = features["offsets"].diff().clamp(min=1)
        features["sentence_embedding"] = sums * counts.rsqrt()[:, None]
        return features

    def get_embedding_dimension(self) -> int:
        """Return the length of a vector."""
        return self.hidden_size

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Write configuration and rows."""
        self.save_config(output_path)
        save_file(self.state_dict(), str(Path(output_path) / _WEIGHTS), metadata={"format": "pt"})

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **_: Any) -> Self:
        """Load from a folder; rows that it does not hold are drawn from the seed."""
        folder = Path(model_name_or_path, subfolder)
        config = cls.load_config(str(folder))
        weights = load_file(folder / _WEIGHTS)
        return cls(**{key: config[key] for key in cls.config_keys}, rows=weights.get("embedding.weight"))


def draw_signs(rows: int, columns: int, seed: int) -> NDArray[np.float32]:
    """Return ±1 / √columns, (rows, columns), by bits of SplitMix64 over places, which no library's version changes."""
    words = -(-columns // _BITS)
    state = np.arange(1, rows * words + 1, dtype=np.uint64) + np.uint64(seed) * np.uint64(1 << 40)
    state *= _STEP
    state = (state ^ (state >> np.uint64(30))) * _MIX
    state = (state ^ (state >> np.uint64(27))) * _MIX_AGAIN
    state ^= state >> np.uint64(31)
    bits = np.unpackbits(state.astype("<u8").view(np.uint8), bitorder="little").reshape(rows, words * _BITS)
    signs = bits[:, :columns].astype(np.float32)
    signs *= 2 / np.sqrt(columns)
    signs -= np.float32(1 / np.sqrt(columns))
    return signs
