"""Split texts into windows of words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.collections.texts import Texts, TextView
from nirank.context import Context
from nirank.errors import ConfigError
from nirank.ids import Ids
from nirank.ranking import Ranking
from nirank.stage import TextMap, option, stage

_BODY = TextView("text")


@stage
class Windows(TextMap):
    """Split each text into windows of words: `fold(Windows(150, overlap=50), BM25())`.

    Column `text` is split at blanks; every other column (the title, metadata) is repeated with
    each window, so a passage keeps its document's title. The windows of `d` are `d#0`, `d#1`, …
    in text order. The last window ends with the text and may be shorter; a text of at most
    `words` words, even none, is one window.

    words    1 or more
    overlap  words that neighbouring windows share, below `words`
    """

    words: int = option(help="how many words a window has")
    overlap: int = option(default=0, help="how many words neighbouring windows share")

    name = "windows"

    def check(self) -> None:
        if self.words < 1:
            raise ConfigError(f"windows: words must be 1 or more, got {self.words}")
        if not 0 <= self.overlap < self.words:
            raise ConfigError(f"windows: overlap must be 0 to {self.words - 1} (below words), got {self.overlap}")

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        counts = np.empty(len(texts), np.int64)
        made = pa.array(self._windows(texts, counts), pa.large_string())
        parents = np.repeat(np.arange(len(texts)), counts)
        numbers = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
        joint = pa.scalar("#", pa.large_string())
        ids = pc.binary_join_element_wise(texts.ids.arrow(parents), pa.array(numbers).cast(pa.large_string()), joint)
        columns = {name: column.take(pa.array(parents)) for name, column in texts.columns.items() if name != "text"}
        return Texts(Ids(ids), {**columns, "text": pa.chunked_array([made])}, parents)

    def _windows(self, texts: Texts, counts: NDArray[np.int64]) -> Iterator[str]:
        """Yield the windows of all texts, and note in `counts` how many each text has."""
        step = self.words - self.overlap
        for row, text in enumerate(texts.read(_BODY)):
            words = text.split()
            starts = range(0, max(len(words) - self.overlap, 1), step)
            counts[row] = len(starts)
            yield from (" ".join(words[start : start + self.words]) for start in starts)
