"""How a causal language model's next token is chosen: the likeliest, or drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import Keys
from nirank.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

_CANDIDATES = 1024  # tokens among which a nucleus is looked for first


@dataclass(frozen=True)
class Decoding:
    """How tokens are chosen.

    max_new_tokens  how many are written at most
    temperature     0: the likeliest token; else logits are divided by it, and a token is drawn
    top_k, top_p    draw among the k likeliest tokens, and among the fewest whose probabilities sum up to p
    seed            of the draws: every document's text and number has a generator of its own, so that neither batches
                    nor the order of documents change what is drawn
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def check(self, where: str) -> None:
        """Raise ConfigError for options that cannot be meant."""
        if self.max_new_tokens < 1:
            raise ConfigError(f"{where}: max_new_tokens must be 1 or more, got {self.max_new_tokens}")
        if not self.temperature >= 0:
            raise ConfigError(f"{where}: temperature must be 0 (the likeliest token) or more, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"{where}: top_k must be 1 or more, got {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ConfigError(f"{where}: top_p must be above 0 and at most 1, got {self.top_p}")
        if not self.temperature and (self.top_k is not None or self.top_p is not None or self.seed):
            raise ConfigError(f"{where}: top_k, top_p and seed are of draws; set a temperature above 0")

    def draw_uniforms(self, keys: Keys, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the random numbers that choose the tokens of each text, (n, max_new_tokens), in [0, 1)."""
        if not self.temperature:
            return np.zeros((len(keys), self.max_new_tokens))
        seeds = np.column_stack((np.full(len(keys), self.seed, np.uint64), keys, numbers.astype(np.uint64)))
        rows = [np.random.default_rng(seed.tolist()).random(self.max_new_tokens) for seed in seeds]
        return np.array(rows).reshape(len(keys), self.max_new_tokens)

    def choose_tokens(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        """Return the next token of each row.

        logits    (rows, vocabulary) float32
        uniforms  (rows,) float64, in [0, 1); without a temperature they are not read
        """
        if not self.temperature:
            return logits.argmax(-1)
        logits = logits / self.temperature
        if self.top_k is None and self.top_p is None:
            return _draw(logits.double().softmax(-1), uniforms)
        tokens, probabilities = self._list_candidates(logits)
        if self.top_p is not None:
            before = probabilities.cumsum(-1) - probabilities
            probabilities = probabilities.where(before < self.top_p, 0.0)
        drawn = _draw(probabilities, uniforms)
        return tokens.gather(1, drawn[:, None])[:, 0]

    def _list_candidates(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest tokens and their probabilities, (rows, n), the likeliest first; of a nucleus all."""
        vocabulary = logits.shape[-1]
        n = min(self.top_k or _CANDIDATES, vocabulary)
        values, tokens = logits.double().topk(n, dim=-1)
        if self.top_k is not None:
            return tokens, values.softmax(-1)
        probabilities = (values - logits.double().logsumexp(-1, keepdim=True)).exp()
        if n < vocabulary and bool((probabilities.sum(-1) < float(self.top_p or 1)).any()):
            values, tokens = logits.double().sort(dim=-1, descending=True)
            probabilities = values.softmax(-1)
        return tokens, probabilities


def _draw(probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """Return the position at which the running sum of probabilities, (rows, n), passes a share of their sum."""
    import torch

    sums = probabilities.cumsum(-1)
    drawn = torch.searchsorted(sums, uniforms[:, None] * sums[:, -1:], right=True)[:, 0]
    last = (probabilities > 0).long().mul(torch.arange(1, probabilities.shape[1] + 1, device=sums.device)).amax(-1) - 1
    return torch.minimum(drawn, last)
