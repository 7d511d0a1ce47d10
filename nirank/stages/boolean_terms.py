"""Turn Boolean queries into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from nirank.algebra.context import Context
from nirank.algebra.stage import Read, TextMap, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_fields import TextFields
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._blocks import estimate_block_memory, replace_texts

_KINDS = ("terms", "phrases", "mesh")


@stage
class BooleanTerms(TextMap):
    """Give the words of a Boolean query in PubMed's or Ovid's syntax: `rewrite(BooleanTerms("boolean"), BM25())`.

    Single words, phrases and subject headings (MeSH), each once, joined by commas; what NOT takes away is left out, and
    so are operators, fields and marks of truncation. Lines may name earlier ones (`or/1-5`). What is not understood is
    kept as words and counted. Gives one row a row, with the same id; metadata stay.

    The Boolean query as the query of a ranker is one of those that screening is studied with (CLEF TAR, 2017 to 2019).
    """

    text: View = option(default=TITLE_AND_TEXT, help="columns or metadata that hold the Boolean query")
    keep: tuple[Literal["terms", "phrases", "mesh"], ...] = option(
        default=("terms", "phrases", "mesh"), help="which of its words: terms, phrases, mesh"
    )

    name = "boolean_terms"

    def check(self) -> None:
        wrong = [kind for kind in self.keep if kind not in _KINDS]
        if wrong or not self.keep:
            raise ConfigError(
                f"boolean_terms: keep takes some of {', '.join(_KINDS)}, got {', '.join(wrong) or 'none'}"
            )

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        yield "text", "texts", TextView(self.text)

    def describe_texts(self, texts: TextFields) -> TextFields:
        return texts.merge_columns()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return estimate_block_memory(sizes)

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        from nirank.lexical.boolean_query.parser import parse_boolean_query
        from nirank.lexical.boolean_query.words import list_words

        counts: Counter[str] = Counter()

        def write_words() -> Iterator[str]:
            for text in texts.read(TextView(self.text)):
                query = parse_boolean_query(text)
                counts.update({name: n for name, n in query.counts.items() if name.startswith("not understood")})
                yield ", ".join(list_words(query.root, self.keep))

        replaced = replace_texts(texts, write_words(), ctx)
        ctx.count("boolean_not_understood", sum(counts.values()))
        return replaced
