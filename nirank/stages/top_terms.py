"""Keep a long query's most telling words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from nirank.collections.readable import METADATA, Readable
from nirank.collections.texts import TITLE_AND_TEXT, Texts, TextView
from nirank.context import Context
from nirank.errors import ConfigError
from nirank.node import Node
from nirank.ranking import Ranking
from nirank.stage import Sides, TextMap, option, stage
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

    def needs(self, data: Sides) -> tuple[Node, ...]:
        return BM25(analyzer=self.analyzer).needs(data)

    def readable(self, texts: Readable) -> Readable:
        return texts.only_text()

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.postings import Index
        from nirank.lexical.weights import greatest, terms_of_words, tf_idf

        index = Index.open(ctx.need())
        words = [text.split() for text in texts.read(_WHOLE)]
        terms = terms_of_words((word for one in words for word in one), Analyzer(index.analyzer))
        weights = tf_idf([[term for word in one for term in terms[word]] for one in words], index.fields[""])
        made = []
        for one, weighed in zip(words, weights, strict=True):
            kept = greatest(weighed, self.terms)
            made.append(" ".join(word for word in one if any(term in kept for term in terms[word])))
        columns = {"text": pa.chunked_array([pa.array(made, pa.large_string())])}
        if METADATA in texts.columns:
            columns[METADATA] = texts.columns[METADATA]
        return Texts(texts.ids, columns, np.arange(len(texts)))
