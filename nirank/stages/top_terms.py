"""Keep a long query's most telling words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

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
from nirank.stages._range_statistics import open_term_counts, plan_term_counts
from nirank.stages.bm25 import BM25
from nirank.stages.language_model import LanguageModel

if TYPE_CHECKING:
    from nirank.lexical.weights import TermCounts

_WHOLE = TextView(TITLE_AND_TEXT)
_LAMBDA = 0.1  # Hiemstra, Robertson and Zaragoza, SIGIR 2004, find small values good
_NUMBER = re.compile(r"[\W_]*\d[\d\W_]*")
_YEAR = re.compile(r"\D*(1[5-9]|20)\d\d\D*")
_ACT = re.compile(r"\d/\d")  # 2014/65, 77/794
_ANNOUNCES_AN_ACT = {"no", "no.", "nos", "nos.", "nr", "nr.", "n°", "nº"}

Weigh = Callable[[Mapping[str, int]], dict[str, float]]


@stage
class TopTerms(TextMap):
    """Keep the words of each text's n terms of greatest weight: `rewrite(TopTerms(50), bm25)`.

    All occurrences of a kept word stay, in their order, so what searches with them sees their frequency; words that no
    document has go. Ties by the alphabet. With tf the term's frequency in the text, P(t | q) its share of the text's
    terms, and P(t | C) its share of the documents' tokens, a weight is

        tfidf         tf × idf, BM25's idf over the documents
        kl            P(t | q) × ln(P(t | q) / P(t | C))
        parsimonious  P(t | q) after expectation and maximisation against P(t | C); terms below 1e-4 go

    terms      how many, or below 1 a share of the text's distinct terms, or all
    idf_floor  terms with a smaller idf go first; `stop_words`: than the analyzer's stop words have in the mean
    numbers    words of digits alone go first, except years (1500 to 2099) and numbers of acts (2014/65, No 17)
    """

    terms: int | float | Literal["all"] = option(default=50, help="how many terms, a share below 1, or all")
    analyzer: str = option(default="english", help="a language, standard, simple or whitespace")
    weight: Literal["tfidf", "kl", "parsimonious"] = option(default="tfidf", help="by what the greatest are told")
    lam: float | None = option(default=None, help="λ of parsimonious: the text's share, above 0 to 1 [0.1]")
    idf_floor: float | Literal["stop_words"] | None = option(
        default=None, help="the least idf of kept terms; stop_words: the mean of the analyzer's stop words"
    )
    numbers: Literal["all", "years_and_acts"] = option(default="all", help="which numbers stay")

    name = "top_terms"
    source = (
        "Chalkidis et al., EACL 2021 (terms by TF-IDF, IDF floor); Hiemstra et al., SIGIR 2004 (parsimonious);"
        " ours: idf of BM25, all occurrences kept"
    )

    def check(self) -> None:
        from nirank.lexical.analysis import WITHOUT_STOP_WORDS, check_analyzer

        if self.terms != "all" and not (0 < self.terms < 1 or (self.terms >= 1 and self.terms == int(self.terms))):
            raise ConfigError(
                "top_terms: terms must be 1 or more, a share of the text's terms between 0 and 1, or all,"
                f" got {self.terms}"
            )
        check_analyzer(self.analyzer)
        if self.lam is not None:
            if self.weight != "parsimonious":
                raise ConfigError(f"top_terms: lam is the parsimonious model's; weight is {self.weight}")
            if not 0 < self.lam <= 1:
                raise ConfigError(f"top_terms: lam must be above 0 and at most 1, got {self.lam}")
        if self.idf_floor == "stop_words" and self.analyzer in WITHOUT_STOP_WORDS:
            raise ConfigError(f"top_terms: analyzer {self.analyzer} has no stop words; give idf_floor a number")

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        inputs: tuple[Node, ...]
        if self.weight == "tfidf":
            inputs = (plan_term_counts(BM25(analyzer=self.analyzer), sides),)
        else:
            inputs = LanguageModel(analyzer=self.analyzer).plan_inputs(sides)
        if self.idf_floor == "stop_words":  # which the language's own index lacks
            return (*inputs, plan_term_counts(BM25(analyzer="standard"), sides))
        return inputs

    def describe_texts(self, texts: TextFields) -> TextFields:
        return texts.merge_columns()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        words = 40 * min(sizes.text_bytes, BLOCK_CHARACTERS)  # as Python's strings, with their terms
        return MemoryNeed(estimate_block_memory(sizes).main + estimate_library_memory("java") + words)

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        return replace_texts(texts, self._write_kept_words(texts, ctx), ctx)

    def _write_kept_words(self, texts: Texts, ctx: Context) -> Iterator[str]:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.weights import analyze_words, select_greatest

        tool = Analyzer(self.analyzer)
        open_weights = self._open_weights(open_term_counts(ctx.input_folder()), ctx)
        for _, block in split_into_blocks(texts.read(_WHOLE)):
            words = [self._split_words(text) for text in block]
            terms = analyze_words((word for text_words in words for word in text_words), tool)
            weigh = open_weights(sorted({term for word_terms in terms.values() for term in word_terms}))
            for text_words in words:
                counts = Counter(text_words)
                tfs: Counter[str] = Counter()
                for word, count in counts.items():
                    for term in terms[word]:
                        tfs[term] += count
                weights = weigh(tfs)
                kept_terms = select_greatest(weights, self._count_terms(len(weights)))
                kept_words = {word for word in counts if not kept_terms.keys().isdisjoint(terms[word])}
                yield " ".join(word for word in text_words if word in kept_words)

    def _open_weights(self, field: TermCounts, ctx: Context) -> Callable[[Sequence[str]], Weigh]:
        """Return the function that looks terms up, and gives the one that weighs their frequencies in a text."""
        from nirank.lexical.term_statistics import TermStatistics
        from nirank.lexical.weights import estimate_probabilities, idf, kl, parsimonious

        statistics = None if self.weight == "tfidf" else TermStatistics.open(ctx.input_folder(1))
        floor = self.idf_floor
        if floor == "stop_words":
            floor = find_mean_idf(open_term_counts(ctx.input_folder(1 if statistics is None else 2)), self.analyzer)
        if floor is not None:
            ctx.declare("idf_floor", round(floor, 4))

        def look_up(terms: Sequence[str]) -> Weigh:
            idfs = idf(field, terms)
            shares = None if statistics is None else estimate_probabilities(field, statistics, terms)

            def weigh(tfs: Mapping[str, int]) -> dict[str, float]:
                if shares is None:
                    weights = {term: tf * idfs[term] for term, tf in tfs.items() if term in idfs}
                elif self.weight == "kl":
                    weights = kl(tfs, shares)
                else:
                    weights = parsimonious(tfs, shares, _LAMBDA if self.lam is None else self.lam)
                return {term: weight for term, weight in weights.items() if floor is None or idfs[term] >= floor}

            return weigh

        return look_up

    def _split_words(self, text: str) -> list[str]:
        words = text.split()
        return words if self.numbers == "all" else drop_numbers(words)

    def _count_terms(self, n: int) -> int:
        """Return how many of n terms are kept."""
        if self.terms == "all":
            return n
        return int(self.terms) if self.terms >= 1 else math.ceil(self.terms * n)


def find_mean_idf(field: TermCounts, analyzer: str) -> float:
    """Return the mean idf of an analyzer's stop words, those that a field analysed without stop words has; 0: none."""
    from nirank.lexical.analysis import list_stop_words
    from nirank.lexical.weights import idf

    idfs = idf(field, list_stop_words(analyzer))
    return float(np.mean(list(idfs.values()))) if idfs else 0.0


def drop_numbers(words: Sequence[str]) -> list[str]:
    """Return words without those of digits alone, years and numbers of acts aside."""
    kept = []
    before = ""
    for word in words:
        is_number = _NUMBER.fullmatch(word) is not None
        if not is_number or _YEAR.fullmatch(word) or _ACT.search(word) or before.casefold() in _ANNOUNCES_AN_ACT:
            kept.append(word)
        before = word
    return kept
