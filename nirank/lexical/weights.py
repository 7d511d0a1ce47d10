"""How much a text's terms say: TF-IDF with the collection's document frequencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from nirank.lexical.analysis import Analyzer
from nirank.lexical.postings import FieldPostings


def idf(field: FieldPostings, terms: Sequence[str]) -> dict[str, float]:
    """Return BM25's idf, ln(1 + (N - df + 0.5) / (df + 0.5)), of the terms that the field knows."""
    rows = field.terms.find_rows(terms)
    known = np.flatnonzero(rows >= 0)
    df = field.offsets[rows[known] + 1] - field.offsets[rows[known]]
    values = np.log(1 + (field.doc_count - df + 0.5) / (df + 0.5))
    return {terms[at]: value for at, value in zip(known.tolist(), values.tolist(), strict=True)}


def analyze_words(words: Iterable[str], tool: Analyzer) -> dict[str, list[str]]:
    """Return each distinct word's terms: most words have one, stop words none."""
    distinct = sorted(set(words))
    return dict(zip(distinct, tool.tokenize(distinct), strict=True))


def tf_idf(texts: Sequence[Sequence[str]], field: FieldPostings) -> Iterator[dict[str, float]]:
    """Yield each text's terms with tf × idf; terms that no document has are left out."""
    known = idf(field, sorted({term for tokens in texts for term in tokens}))
    for tokens in texts:
        yield {term: tf * known[term] for term, tf in Counter(tokens).items() if term in known}


def select_greatest(weights: Mapping[str, float], n: int) -> dict[str, float]:
    """Return the n greatest weights, the greatest first; between equal ones the earlier term in the alphabet."""
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:n])
