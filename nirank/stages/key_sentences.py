"""Keep the sentences that cover a text's weighted terms: QUITE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Literal

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
from nirank.stages._blocks import estimate_block_memory, replace_texts
from nirank.stages._range_statistics import open_term_counts, plan_term_counts
from nirank.stages.bm25 import BM25
from nirank.stages.sentences import split_sentences

_WHOLE = TextView(TITLE_AND_TEXT)


@stage
class KeySentences(TextMap):
    """Keep k sentences of each text, chosen greedily: `rewrite(KeySentences(8), bm25)`.

    Each round takes the sentence with the greatest sum of its terms' weights and multiplies the weights of what it
    covers by `alpha`, so that the next one tells something else (QUITE; the paper's box calls it QUIET). Weights are
    TF-IDF of the text's `terms` greatest terms (ours: the paper weighs a short query's words against a document; here
    the text is its own query). Ties: the earliest sentence. A text of so few sentences stays whole.
    """

    sentences: int = option(default=4, help="how many sentences are kept")
    alpha: float = option(default=0.5, help="what becomes of a covered term's weight, 0 to 1")
    terms: int = option(default=50, help="how many of the text's terms are to be covered")
    order: Literal["document", "selection", "reverse"] = option(default="document", help="of the kept sentences")
    stop_at_zero: bool = option(default=False, help="stop when no sentence covers anything more")
    analyzer: str = option(default="english", help="a language, standard, simple or whitespace")

    name = "key_sentences"
    source = "Zou et al., KDD 2021, algorithm 1"

    def check(self) -> None:
        from nirank.lexical.analysis import check_analyzer

        if self.sentences < 1 or self.terms < 1:
            raise ConfigError(
                f"key_sentences: sentences and terms must be 1 or more, got {self.sentences}, {self.terms}"
            )
        if not 0 <= self.alpha <= 1:
            raise ConfigError(f"key_sentences: alpha must be from 0 to 1, got {self.alpha}")
        check_analyzer(self.analyzer)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return (plan_term_counts(BM25(analyzer=self.analyzer), sides),)

    def describe_texts(self, texts: TextFields) -> TextFields:
        return texts.merge_columns()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(estimate_block_memory(sizes).main + estimate_library_memory("java"))

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        return replace_texts(texts, self._select_sentences(texts, ctx), ctx)

    def _select_sentences(self, texts: Texts, ctx: Context) -> Iterator[str]:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.weights import select_greatest, tf_idf

        counts = open_term_counts(ctx.input_folder())
        tool = Analyzer(self.analyzer)
        for text in texts.read(_WHOLE):
            sentences = split_sentences(text)
            tokens = list(tool.tokenize(sentences))
            (weights,) = tf_idf([[term for terms in tokens for term in terms]], counts)
            picked = quite(
                select_greatest(weights, self.terms),
                [set(terms) for terms in tokens],
                self.sentences,
                self.alpha,
                self.stop_at_zero,
            )
            rows = [row for row, _ in picked]
            if self.order != "selection":
                rows = sorted(rows) if self.order == "document" else rows[::-1]
            yield " ".join(sentences[row] for row in rows)


def quite(
    weights: Mapping[str, float], sentences: Sequence[Set[str]], k: int, alpha: float, stop_at_zero: bool = False
) -> list[tuple[int, float]]:
    """Return the sentences picked, in order of picking, each with its score then.

    weights    importance by term
    sentences  the terms of each
    """
    left = dict(weights)
    matching = [terms & left.keys() for terms in sentences]
    open_rows = list(range(len(sentences)))
    picked: list[tuple[int, float]] = []
    while open_rows and len(picked) < k:
        scores = [sum(left[term] for term in sorted(matching[row])) for row in open_rows]
        best = max(scores)
        if stop_at_zero and best == 0:
            break
        row = open_rows.pop(scores.index(best))
        picked.append((row, best))
        for term in matching[row]:
            left[term] *= alpha
    return picked
