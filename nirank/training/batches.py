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
        return iter(self.draw_epoch(self.epoch))

    def draw_epoch(self, epoch: int) -> list[list[int]]:
        """Return the batches of one epoch: every example once."""
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(self.n)
        window = _WINDOW * self.batch_size
        batches: list[list[int]] = []
        for first in range(0, self.n, window):
            some = order[first : first + window]
            if self.sizes is not None:
                some = some[np.argsort(self.sizes[some], kind="stable")]
            batches += self._fill_batches(some.tolist())
        return [batches[at] for at in random.permutation(len(batches))]

    def _fill_batches(self, examples: list[int]) -> list[list[int]]:
        """Put each example into the first batch that has room and none of its texts, or the first that has room."""
        size = self.batch_size
        if self.apart is None:
            return [examples[first : first + size] for first in range(0, len(examples), size)]
        texts = {example: list(enumerate(self.apart[example].tolist())) for example in examples}
        rooms = [min(size, len(examples) - first) for first in range(0, len(examples), size)]
        batches: list[list[int]] = [[] for _ in rooms]
        held: list[_TextCounts] = [Counter() for _ in rooms]
        open_from = 0
        for example in examples:
            while len(batches[open_from]) == rooms[open_from]:
                open_from += 1
            free = [at for at in range(open_from, min(open_from + _OPEN, len(rooms))) if len(batches[at]) < rooms[at]]
            at = next((at for at in free if not any(held[at][text] for text in texts[example])), free[0])
            batches[at].append(example)
            held[at].update(texts[example])
        for at, batch in enumerate(batches):
            for place, example in enumerate(batch):
                twice = [text for text in texts[example] if held[at][text] > 1]
                if twice:
                    others = [other for other in range(len(batches)) if not any(held[other][text] for text in twice)]
                    _swap_examples(batches, held, texts, at, place, others)
        return batches


def _swap_examples(
    batches: list[list[int]],
    held: list[_TextCounts],
    texts: Mapping[int, list[_Text]],
    at: int,
    place: int,
    others: list[int],
) -> None:
    """Exchange an example with one of another batch, the nearest first, so that neither meets its own texts.

    others  batches that hold no text for which the example must go; where a text is in all, nothing is tried
    """

    def fits(example: int, where: int, instead_of: int) -> bool:
        return not any(held[where][text] > (text in texts[instead_of]) for text in texts[example])

    example = batches[at][place]
    for other in sorted(others, key=lambda one: abs(one - at)):
        for its_place, its_example in enumerate(batches[other]):
            if fits(example, other, its_example) and fits(its_example, at, example):
                batches[at][place], batches[other][its_place] = its_example, example
                for where, came, went in ((at, its_example, example), (other, example, its_example)):
                    held[where].subtract(texts[went])
                    held[where].update(texts[came])
                return
