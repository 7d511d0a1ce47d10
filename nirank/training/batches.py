"""Which examples make a step: batches of similar length, without repeated texts, a function of seed and epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

_Text = tuple[int, int]  # column, text number
_TextCounts = Counter[_Text]

_WINDOW = 32  # batches among which examples are sorted by length: enough to find alike ones, few enough to stay random
_OPEN = 8  # batches that are filled at a time


class Batches:
    """Batches of an epoch, in random order; iterating gives lists of example numbers.

    sizes    (n,) tokens of each example: alike ones share a batch; None: batches at random
    epochs   there are others of an epoch's own: example i of epoch e is number e × n + i of so many epochs
    apart    (n, k) text numbers: two examples that share one in the same column stand in different batches where
             possible; None: any may stand together
    """

    def __init__(
        self,
        n: int,
        batch: int,
        seed: int,
        sizes: NDArray[np.int64] | None,
        apart: NDArray[np.int64] | None,
        epochs: int = 1,
    ) -> None:
        self.epochs = epochs
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
        return iter(self.draw_epoch(self.epoch))

    def draw_epoch(self, epoch: int) -> list[list[int]]:
        """Return the batches of one epoch: every example once."""
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(self.n) + self.n * (epoch % self.epochs)
        window = _WINDOW * self.batch_size
        batches: list[list[int]] = []
        for first in range(0, self.n, window):
            window_rows = order[first : first + window]
            if self.sizes is not None:
                window_rows = window_rows[np.argsort(self.sizes[window_rows], kind="stable")]
            batches += self._fill_batches(window_rows.tolist())
        return [batches[at] for at in random.permutation(len(batches))]

    def _fill_batches(self, examples: list[int]) -> list[list[int]]:
        """Put each example into the first batch that has room and none of its texts, or the first that has room."""
        size = self.batch_size
        if self.apart is None:
            return [examples[first : first + size] for first in range(0, len(examples), size)]
        texts = {example: list(enumerate(self.apart[example].tolist())) for example in examples}
        rooms = [min(size, len(examples) - first) for first in range(0, len(examples), size)]
        batches: list[list[int]] = [[] for _ in rooms]
        text_counts: list[_TextCounts] = [Counter() for _ in rooms]
        first_open = 0
        for example in examples:
            while len(batches[first_open]) == rooms[first_open]:
                first_open += 1
            window = range(first_open, min(first_open + _OPEN, len(rooms)))
            free = [batch for batch in window if len(batches[batch]) < rooms[batch]]
            fitting = (batch for batch in free if not any(text_counts[batch][text] for text in texts[example]))
            chosen = next(fitting, free[0])
            batches[chosen].append(example)
            text_counts[chosen].update(texts[example])
        for batch, examples_of_batch in enumerate(batches):
            for place, example in enumerate(examples_of_batch):
                repeated = [text for text in texts[example] if text_counts[batch][text] > 1]
                if repeated:
                    targets = [
                        target
                        for target in range(len(batches))
                        if not any(text_counts[target][text] for text in repeated)
                    ]
                    _swap_examples(batches, text_counts, texts, batch, place, targets)
        return batches


def _swap_examples(
    batches: list[list[int]],
    text_counts: list[_TextCounts],
    texts: Mapping[int, list[_Text]],
    batch: int,
    place: int,
    targets: list[int],
) -> None:
    """Exchange an example with one of another batch, the nearest first, so that neither meets its own texts.

    text_counts  how often each batch has each text
    targets      batches without the texts for which the example must go; where a text is in all, nothing is tried
    """

    def fits(example: int, batch: int, instead_of: int) -> bool:
        return not any(text_counts[batch][text] > (text in texts[instead_of]) for text in texts[example])

    example = batches[batch][place]
    for target in sorted(targets, key=lambda target: abs(target - batch)):
        for target_place, partner in enumerate(batches[target]):
            if fits(example, target, partner) and fits(partner, batch, example):
                batches[batch][place], batches[target][target_place] = partner, example
                for changed, arriving, leaving in ((batch, partner, example), (target, example, partner)):
                    text_counts[changed].subtract(texts[leaving])
                    text_counts[changed].update(texts[arriving])
                return
