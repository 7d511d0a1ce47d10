"""Models of hashed n-grams, which nothing has trained yet: a name that says all of them, and a folder made from it."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nirank.base.values import fit_fields
from nirank.errors import ConfigError, ModelError
from nirank.inference.folders import NGRAM_MODULE, read_json

_NAME = re.compile(r"^ngrams:(\d+)-(\d+),buckets=(\d+),width=(\d+),seed=(\d+)$")
_NORMALIZE = "sentence_transformers.base.modules.normalize.Normalize"
_MAX_BUCKETS, _MAX_WIDTH, _MAX_SEED = 2**31 - 1, 4096, 2**24 - 1


@dataclass(frozen=True)
class NGramOptions:
    """What a model of hashed n-grams is made of.

    ngrams   shortest and longest n-gram, in characters of a word with a blank on either side
    buckets  that n-grams are hashed into: n-grams in one bucket are one to the model
    width    length of a vector; a row of so many numbers is learned for each bucket
    seed     of the rows that training starts from
    """

    ngrams: tuple[int, int] = (3, 5)
    buckets: int = 32768
    width: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        fit_fields(self, "hashed_ngrams")
        wrong = [
            f"hashed_ngrams: {name} must be {expected}, got {value}"
            for name, value, good, expected in (
                (
                    "ngrams",
                    list(self.ngrams),
                    1 <= self.ngrams[0] <= self.ngrams[1],
                    "the shortest and the longest, such as [3, 5]",
                ),
                ("buckets", self.buckets, 1 <= self.buckets <= _MAX_BUCKETS, f"in 1..{_MAX_BUCKETS}"),
                ("width", self.width, 1 <= self.width <= _MAX_WIDTH, f"in 1..{_MAX_WIDTH}"),
                ("seed", self.seed, 0 <= self.seed <= _MAX_SEED, f"in 0..{_MAX_SEED}"),
            )
            if not good
        ]
        if wrong:
            raise ConfigError(*wrong)

    @property
    def name(self) -> str:
        """The name of the model."""
        shortest, longest = self.ngrams
        return f"ngrams:{shortest}-{longest},buckets={self.buckets},width={self.width},seed={self.seed}"


class HashedNGrams(str):
    """A small model of hashed character n-grams, to be trained: `Train(HashedNGrams(), data)`. It is its own name.

    ngrams, buckets, width, seed  as `NGramOptions` has them
    """

    def __new__(cls, ngrams: tuple[int, int] = (3, 5), buckets: int = 32768, width: int = 512, seed: int = 0) -> Any:
        return super().__new__(cls, NGramOptions(ngrams, buckets, width, seed).name)

    def __reduce__(self) -> Any:
        return str, (str(self),)


def is_ngram_model(model: str) -> bool:
    """Tell whether a name is that of a model of hashed n-grams which nothing has trained."""
    return model.startswith("ngrams:")


def find_ngram_folder(model: str) -> Path:
    """Return the folder of a model of hashed n-grams, which exists as long as the process.

    It holds no rows, only the seed that they are drawn from. Raises ModelError for a name that is none.
    """
    match = _NAME.match(model)
    if match is None:
        raise ModelError(f"model '{model}': expected a name such as {NGramOptions().name}")
    shortest, longest, *others = map(int, match.groups())
    return _write_folder(NGramOptions((shortest, longest), *others))


def count_drawn_numbers(folder: Path) -> int:
    """Return how many numbers a model has that its folder does not hold, since they are drawn when it is loaded."""
    config = read_json(folder / "config.json")
    return int(config.get("drawn_numbers", 0)) if isinstance(config, dict) else 0


@cache
def _make_root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="nirank-ngrams-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


@cache
def _write_folder(options: NGramOptions) -> Path:
    import numpy as np
    from safetensors.numpy import save_file

    folder = _make_root() / options.name.replace(":", "-")
    (folder / "1_Normalize").mkdir(parents=True)
    config = {
        "ngrams": list(options.ngrams),
        "buckets": options.buckets,
        "hidden_size": options.width,
        "seed": options.seed,
        "drawn_numbers": options.buckets * options.width,
    }
    files = {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": NGRAM_MODULE},
            {"idx": 1, "name": "1", "path": "1_Normalize", "type": _NORMALIZE},
        ],
        "1_Normalize/config.json": {
            "module_input_name": "sentence_embedding",
            "module_output_name": "sentence_embedding",
        },
        "config.json": config,
        "config_sentence_transformers.json": {
            "model_type": "SentenceTransformer",
            "prompts": {},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    save_file({"seed": np.array([options.seed], np.int64)}, str(folder / "model.safetensors"), {"format": "pt"})
    return folder
