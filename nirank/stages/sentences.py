"""Split texts into passages of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nirank.collections.texts import Texts, TextView
from nirank.context import Context
from nirank.errors import ConfigError
from nirank.ids import Ids
from nirank.ranking import Ranking
from nirank.stage import TextMap, option, stage

_BODY = TextView("text")
# . ! ? and closing quotes before a blank and no lower-case letter; their kin in other scripts; line breaks.
_END = re.compile(r"""[.!?]["'”’)\]]*(?=\s+[^a-z\s])|[。！？؟।]["”’)]*|\n+""")


@stage
class Sentences(TextMap):
    """Split each text into passages of sentences: `fold(Sentences(5, overlap=1), BM25())`.

    A sentence ends at . ! ? before a blank and no lower-case letter, at their kin in other scripts, and at a line
    break. Other columns are repeated with each passage. The passages of `d` are `d#0`, `d#1`, … in text order; a text
    without sentences is one passage.

    sentences  1 or more
    overlap    sentences that neighbouring passages share, below `sentences`
    """

    sentences: int = option(default=5, help="how many sentences a passage has")
    overlap: int = option(default=0, help="how many sentences neighbouring passages share")

    name = "sentences"

    def check(self) -> None:
        if self.sentences < 1:
            raise ConfigError(f"sentences: sentences must be 1 or more, got {self.sentences}")
        if not 0 <= self.overlap < self.sentences:
            raise ConfigError(f"sentences: overlap must be 0 to {self.sentences - 1}, got {self.overlap}")

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        counts = np.zeros(len(texts), np.int64)

        def passages() -> Iterator[str]:
            for row, text in enumerate(texts.read(_BODY)):
                parts = split_sentences(text) or [""]
                starts = range(0, max(len(parts) - self.overlap, 1), self.sentences - self.overlap)
                counts[row] = len(starts)
                yield from (" ".join(parts[start : start + self.sentences]) for start in starts)

        made = pa.array(passages(), pa.large_string())
        parents = np.repeat(np.arange(len(texts)), counts)
        numbers = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
        joint = pa.scalar("#", pa.large_string())
        ids = pc.binary_join_element_wise(texts.ids.arrow(parents), pa.array(numbers).cast(pa.large_string()), joint)
        columns = {name: column.take(pa.array(parents)) for name, column in texts.columns.items() if name != "text"}
        return Texts(Ids(ids), {**columns, "text": pa.chunked_array([made])}, parents)


def split_sentences(text: str) -> list[str]:
    """Return a text's sentences, stripped, blank ones left out."""
    cuts = [0, *(found.end() for found in _END.finditer(text)), len(text)]
    parts = (text[start:end].strip() for start, end in pairwise(cuts))
    return [part for part in parts if part]
