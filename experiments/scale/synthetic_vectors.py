"""A model of sentence-transformers written from a seed, and texts for it: their vectors are a mixture of clusters.

A text names a centre and a few offsets, such as `c17 o4711 o52 o60001`; its vector is their mean. Centres and offsets
are Gaussian vectors, so that a cluster is one of 4,096 Gaussians, nearly: its offsets are sums of six out of 65,536.
An offset's length is such that vectors of one cluster have a cosine of about 0.3. The model is StaticEmbedding of
sentence-transformers, which nirank loads like any other; it has no transformer, so that what is measured is the
machinery around a model and not the model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION, CENTRES, OFFSETS, OFFSETS_OF_A_TEXT = 384, 4096, 65_536, 6
_LENGTH = 0.62  # of an offset, a centre having 1
_SEED = 2026


def write_model(folder: Path) -> None:
    """Write the model's folder."""
    from safetensors.numpy import save_file

    rng = np.random.default_rng(_SEED)
    rows = rng.standard_normal((CENTRES + OFFSETS + 1, DIMENSION), np.float32)
    rows[CENTRES:-1] *= np.float32(_LENGTH)
    rows[-1] = 0
    names = [*(f"c{at}" for at in range(CENTRES)), *(f"o{at}" for at in range(OFFSETS)), "[UNK]"]
    tokenizer: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {name: at for at, name in enumerate(names)}, "unk_token": "[UNK]"},
    }
    kind = "sentence_transformers.models.StaticEmbedding"
    files = {
        "modules.json": [{"idx": 0, "name": "0", "path": "", "type": kind}],
        "config_sentence_transformers.json": {
            "model_type": "SentenceTransformer",
            "prompts": {},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
        "tokenizer.json": tokenizer,
    }
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    save_file({"embedding.weight": rows}, str(folder / "model.safetensors"), {"format": "pt"})


def draw_texts(n: int, block: int) -> list[str]:
    """Return the texts of one block of n documents, or of queries; blocks have seeds of their own."""
    rng = np.random.default_rng((_SEED, block))
    centres = rng.integers(0, CENTRES, n).tolist()
    offsets = rng.integers(0, OFFSETS, (n, OFFSETS_OF_A_TEXT)).tolist()
    return [f"c{centre} o" + " o".join(map(str, some)) for centre, some in zip(centres, offsets, strict=True)]
