"""How much a text's terms say, against the collection: TF-IDF, Kullback-Leibler, parsimonious models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nirank.flow.ids import Ids
from nirank.lexical.analysis import Analyzer
from nirank.lexical.term_statistics import TermStatistics

_LEAST_PROBABILITY = 1e-4  # Hiemstra, Robertson and Zaragoza, SIGIR 2004
_SETTLED, _ROUNDS = 1e-7, 200  # EM ends when no probability moves by more, or after so many rounds


class TermCounts(Protocol):
    """What is known of a field's terms: of postings, or of the sums of all ranges' counts."""

    @property
    def terms(self) -> Ids: ...

    @property
    def doc_count(self) -> int: ...

    @property
    def tokens(self) -> int: ...

    def count_documents(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many documents have each of some terms, by row of the vocabulary."""
        ...


def idf(field: TermCounts, terms: Sequence[str]) -> dict[str, float]:
    """Return BM25's idf, ln(1 + (N - df + 0.5) / (df + 0.5)), of the terms that the field knows."""
    rows = field.terms.find_rows(terms)
    known = np.flatnonzero(rows >= 0)
    df = field.count_documents(rows[known])
    values = np.log(1 + (field.doc_count - df + 0.5) / (df + 0.5))
    return {terms[at]: value for at, value in zip(known.tolist(), values.tolist(), strict=True)}


def estimate_probabilities(field: TermCounts, statistics: TermStatistics, terms: Sequence[str]) -> dict[str, float]:
    """Return P(t | C), a term's share of the collection's tokens, of the terms that the field knows."""
    rows = field.terms.find_rows(terms)
    known = np.flatnonzero(rows >= 0)
    values = statistics.frequencies[rows[known]] / max(field.tokens, 1)
    return {terms[at]: value for at, value in zip(known.tolist(), values.tolist(), strict=True)}


def kl(tfs: Mapping[str, int], collection: Mapping[str, float]) -> dict[str, float]:
    """Return P(t | q) ln(P(t | q) / P(t | C)) of each term, its part of the Kullback-Leibler divergence.

    P(t | q) is tf over the sum of tfs: a text is what the collection knows of it.
    """
    terms, tf, background = _align(tfs, collection)
    share = tf / tf.sum() if len(tf) else tf
    return dict(zip(terms, (share * np.log(share / background)).tolist(), strict=True))


def parsimonious(tfs: Mapping[str, int], collection: Mapping[str, float], lam: float) -> dict[str, float]:
    """Return P(t | q) of the parsimonious model, which leaves to the collection what it explains.

    Expectation and maximisation by turns, from P = tf / Σ tf, until P stays:

        e(t) = tf × λ P(t | q) / (λ P(t | q) + (1 - λ) P(t | C))
        P(t | q) = e(t) / Σ e

    Terms whose P is then below 1e-4 are left out (Hiemstra, Robertson and Zaragoza, SIGIR 2004).
    """
    terms, tf, background = _align(tfs, collection)
    share = tf / tf.sum() if len(tf) else tf
    for _ in range(_ROUNDS if len(tf) else 0):
        expected = tf * lam * share / (lam * share + (1 - lam) * background)
        before, share = share, expected / expected.sum()
        if np.abs(share - before).max() <= _SETTLED:
            break
    return {term: value for term, value in zip(terms, share.tolist(), strict=True) if value >= _LEAST_PROBABILITY}


def _align(
    tfs: Mapping[str, int], collection: Mapping[str, float]
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Return the terms that the collection has, in the order of the alphabet, with their tf and P(t | C)."""
    terms = sorted(tfs.keys() & collection.keys())
    return (
        terms,
        np.array([tfs[term] for term in terms], np.float64),
        np.array([collection[term] for term in terms], np.float64),
    )


def analyze_words(words: Iterable[str], tool: Analyzer) -> dict[str, list[str]]:
    """Return each distinct word's terms: most words have one, stop words none."""
    distinct = sorted(set(words))
    return dict(zip(distinct, tool.tokenize(distinct), strict=True))


def tf_idf(texts: Sequence[Sequence[str]], field: TermCounts) -> Iterator[dict[str, float]]:
    """Yield each text's terms with tf × idf; terms that no document has are left out."""
    known = idf(field, sorted({term for tokens in texts for term in tokens}))
    for tokens in texts:
        yield {term: tf * known[term] for term, tf in Counter(tokens).items() if term in known}


def select_greatest(weights: Mapping[str, float], n: int) -> dict[str, float]:
    """Return the n greatest weights, the greatest first; between equal ones the earlier term in the alphabet."""
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:n])
