"""Split texts into windows of words."""

from __future__ import annotations

from functools import partial

from nirank.algebra.context import Context
from nirank.algebra.stage import option, stage
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._passages import PassageMap, make_passages


@stage
class Windows(PassageMap):
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
        return make_passages(texts, partial(split_windows, words=self.words, overlap=self.overlap), ctx)


def split_windows(text: str, words: int, overlap: int = 0) -> list[str]:
    """Return windows of so many words of a text, one at the least."""
    all_words = text.split()
    starts = range(0, max(len(all_words) - overlap, 1), words - overlap)
    return [" ".join(all_words[start : start + words]) for start in starts]
