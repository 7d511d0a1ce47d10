"""Which examples make a step: batches of similar length, without repeated texts, a function of seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_WINDOW = 32  # batches among which examples are sorted by length: enough to find alike ones, few enough to stay random
_OPEN = 8  # batches that are filled at a time


class Batches:
    """Batches of an epoch, in random order; iterating gives lists of example numbers.

    sizes    (n,) tokens of each example: alike ones share a batch; None: batches at random
    apart    (n, k) text numbers: two examples that share one in the same column stand in different batches where
             possible; None: any may stand together
    """

    def __init__(
        self, n: int, batch: int, seed: int, sizes: NDArray[np.int64] | None, apart: NDArray[np.int64] | None
    ) -> None:
        self.n, self.batch_size, self.seed = n, batch, seed
        self.sizes, self.apart = sizes, apart
        self.epoch = 0
        self.drop_last = False

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches come next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.of(self.epoch))

    def of(self, epoch: int) -> list[list[int]]:
        """Return the batches of one epoch: every example once."""
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(self.n)
        window = _WINDOW * self.batch_size
        batches: list[list[int]] = []
        for first in range(0, self.n, window):
            some = order[first : first + window]
            if self.sizes is not None:
                some = some[np.argsort(self.sizes[some], kind="stable")]
            batches += self._filled(some.tolist())
        return [batches[at] for at in random.permutation(len(batches))]

    def _filled(self, examples: list[int]) -> list[list[int]]:
        """Put each example into the first batch that has room and none of its texts, or the first that has room."""
        size = self.batch_size
        if self.apart is None:
            return [examples[first : first + size] for first in range(0, len(examples), size)]
        rooms = [min(size, len(examples) - first) for first in range(0, len(examples), size)]
        batches: list[list[int]] = [[] for _ in rooms]
        held: list[set[tuple[int, int]]] = [set() for _ in rooms]
        open_from = 0
        for example in examples:
            while len(batches[open_from]) == rooms[open_from]:
                open_from += 1
            texts = set(enumerate(self.apart[example].tolist()))
            free = [at for at in range(open_from, min(open_from + _OPEN, len(rooms))) if len(batches[at]) < rooms[at]]
            at = next((at for at in free if not held[at] & texts), free[0])
            batches[at].append(example)
            held[at] |= texts
        return batches
