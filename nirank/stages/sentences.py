"""Split texts into passages of sentences."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

from nirank.algebra.context import Context
from nirank.algebra.stage import option, stage
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._passages import PassageMap, make_passages

# . ! ? and closing quotes before a blank and no lower-case letter; their kin in other scripts; line breaks.
_END = re.compile(r"""[.!?]["'”’)\]]*(?=\s+[^a-z\s])|[。！？؟।]["”’)]*|\n+""")


@stage
class Sentences(PassageMap):
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
        return make_passages(texts, partial(join_sentences, sentences=self.sentences, overlap=self.overlap), ctx)


def join_sentences(text: str, sentences: int, overlap: int = 0) -> list[str]:
    """Return passages of so many sentences of a text, one at the least."""
    parts = split_sentences(text) or [""]
    starts = range(0, max(len(parts) - overlap, 1), sentences - overlap)
    return [" ".join(parts[start : start + sentences]) for start in starts]


def split_sentences(text: str) -> list[str]:
    """Return a text's sentences, stripped, blank ones left out."""
    cuts = [0, *(end_mark.end() for end_mark in _END.finditer(text)), len(text)]
    parts = (text[start:end].strip() for start, end in pairwise(cuts))
    return [part for part in parts if part]
