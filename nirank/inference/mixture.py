"""A re-ranker's score mixed with that of the list that it re-ranks: two learned weights, and the spread of both."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ModelError

MIXTURE_FILE = "mixture.json"  # in a model's folder


@dataclass(frozen=True)
class Mixture:
    """rel = w_r · s_r + w_p · s_p, with the re-ranker's score and the pre-fetcher's.

    w_r, w_p    learned with the model
    sd_r, sd_p  standard deviations of the two scores over pairs; without them weights say nothing
    over        which pairs
    """

    w_r: float
    w_p: float
    sd_r: float
    sd_p: float
    over: str = "training pairs"

    @classmethod
    def measure(
        cls, w_r: float, w_p: float, s_r: NDArray[np.floating], s_p: NDArray[np.floating], over: str = "training pairs"
    ) -> Mixture:
        """Return the mixture with the spread of some pairs' scores, each (n,); 0 where there are none."""
        sd_r, sd_p = (float(np.std(scores, dtype=np.float64)) if len(scores) else 0.0 for scores in (s_r, s_p))
        return cls(w_r, w_p, sd_r, sd_p, over)

    @property
    def reliance(self) -> float | None:
        """The share of the pre-fetcher, |w_p| sd(s_p) / (|w_p| sd(s_p) + |w_r| sd(s_r)); None where neither varies."""
        prefetcher, reranker = abs(self.w_p) * self.sd_p, abs(self.w_r) * self.sd_r
        return prefetcher / (prefetcher + reranker) if prefetcher + reranker else None

    def mix(self, s_r: NDArray[np.floating], s_p: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the relevance of pairs, (n,) float64."""
        return self.w_r * np.asarray(s_r, np.float64) + self.w_p * np.asarray(s_p, np.float64)

    def save(self, folder: Path) -> None:
        """Write it into a model's folder."""
        (folder / MIXTURE_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Mixture:
        """Read what `save` wrote; raise ModelError where it is not there."""
        try:
            return cls(**json.loads((folder / MIXTURE_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"model '{folder.name}': {MIXTURE_FILE} cannot be read ({error})") from None


def scale_lists(scores: NDArray[np.floating], offsets: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return (s - min) / (max - min) within each list, (n,) float64; 0 in a list whose scores are all equal.

    offsets  list i has scores[offsets[i]:offsets[i + 1]]
    """
    scores, counts = np.asarray(scores, np.float64), np.diff(offsets)
    scaled = np.zeros(len(scores))
    if not len(scores):
        return scaled
    starts = np.asarray(offsets[:-1])[counts > 0]
    lengths = counts[counts > 0]
    least = np.repeat(np.minimum.reduceat(scores, starts), lengths)
    spread = np.repeat(np.maximum.reduceat(scores, starts), lengths) - least
    np.divide(scores - least, spread, out=scaled, where=spread > 0)
    return scaled
