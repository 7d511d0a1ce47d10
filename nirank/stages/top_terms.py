"""Keep a long query's most telling words."""

from __future__ import annotations

from collections.abc import Iterator

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import TextMap, option, stage
from nirank.base.memory import MemoryNeed, Sizes, estimate_library_memory
from nirank.collections.text_fields import TextFields
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._blocks import BLOCK_CHARACTERS, estimate_block_memory, replace_texts, split_into_blocks
from nirank.stages.bm25 import BM25

_WHOLE = TextView(TITLE_AND_TEXT)


@stage
class TopTerms(TextMap):
    """Keep the words of each text's n terms of greatest TF-IDF: `rewrite(TopTerms(50), bm25)`.

    tf is the term's frequency in the text, idf BM25's over the collection's documents. All occurrences of a kept word
    stay, in their order, so what searches with them sees their frequency; words that no document has go. Ties by the
    alphabet.
    """

    terms: int = option(default=50, help="how many terms are kept")
    analyzer: str = option(default="english", help="a language, standard, simple or whitespace")

    name = "top_terms"
    source = "Chalkidis et al., EACL 2021 (queries of top-n terms by TF-IDF); ours: idf of BM25, all occurrences kept"

    def check(self) -> None:
        from nirank.lexical.analysis import check_analyzer

        if self.terms < 1:
            raise ConfigError(f"top_terms: terms must be 1 or more, got {self.terms}")
        check_analyzer(self.analyzer)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return BM25(analyzer=self.analyzer).plan_inputs(sides)

    def describe_texts(self, texts: TextFields) -> TextFields:
        return texts.merge_columns()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        words = 40 * min(sizes.text_bytes, BLOCK_CHARACTERS)  # as Python's strings, with their terms
        return MemoryNeed(estimate_block_memory(sizes).main + estimate_library_memory("java") + words)

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.postings import Index
        from nirank.lexical.weights import analyze_words, select_greatest, tf_idf

        index = Index.open(ctx.input_folder())
        tool = Analyzer(index.analyzer)

        def write_kept_words() -> Iterator[str]:
            for _, block in split_into_blocks(texts.read(_WHOLE)):
                words = [text.split() for text in block]
                terms = analyze_words((word for text_words in words for word in text_words), tool)
                weights = tf_idf(
                    [[term for word in text_words for term in terms[word]] for text_words in words], index.fields[""]
                )
                for text_words, term_weights in zip(words, weights, strict=True):
                    kept_terms = select_greatest(term_weights, self.terms)
                    yield " ".join(word for word in text_words if any(term in kept_terms for term in terms[word]))

        return replace_texts(texts, write_kept_words(), ctx)
