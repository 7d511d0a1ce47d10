"""Keep the first words of texts."""

from __future__ import annotations

from nirank.algebra.context import Context
from nirank.algebra.stage import TextMap, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_fields import TextFields
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._blocks import estimate_block_memory, replace_texts

VIEW = TextView(("title", "text"))


@stage
class FirstWords(TextMap):
    """Keep the first words of each text: `rewrite(FirstWords(50), BM25())` for long queries.

    Title and text, those that exist, are read as one; words are what blanks separate. Gives one
    row a row, with the same id; metadata stay.

    words  1 or more
    """

    words: int = option(default=100, help="how many words are kept")

    name = "first_words"

    def check(self) -> None:
        if self.words < 1:
            raise ConfigError(f"first_words: words must be 1 or more, got {self.words}")

    def describe_texts(self, texts: TextFields) -> TextFields:
        return texts.merge_columns()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return estimate_block_memory(sizes)

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        return replace_texts(texts, (_take_first(text, self.words) for text in texts.read(VIEW)), ctx)


def _take_first(text: str, words: int) -> str:
    return " ".join(text.split(maxsplit=words)[:words])
