"""Proportional relevance: how much of a query finds a document, and how much of the document is found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.flow.ranking import select_best

_BLOCK_ROWS = 256  # sentences of a query whose products are held at a time
_MARGIN = 1e-4  # more than rounding can move a cosine


def score_proportions(
    query: NDArray[np.float32],
    sentences: NDArray[np.float32],
    offsets: NDArray[np.int64],
    mean_length: float,
    *,
    n: int,
    k1: float,
    b: float,
) -> NDArray[np.float64]:
    """Return the score of each document for one query, (n_docs,).

    query        (m, dimension) unit vectors of the query's sentences
    sentences    (N, dimension) unit vectors; document d owns sentences[offsets[d]:offsets[d + 1]]
    mean_length  sentences of a document in the mean, for b

        T(s)    = the n of all N sentences with the greatest cosine to s; of equal ones those that come first
        sat(x)  = x × (k1 + 1) / (x + k1 × (1 - b + b × |d| / mean length)), 0 for x = 0
        query   = Σ over the query's sentences s of sat(|T(s) ∩ d|) / m
        doc     = Σ over the document's sentences u of sat(number of s with u in T(s)) / |d|
        score   = query × doc
    """
    lengths = np.diff(offsets)
    if not len(query) or not len(sentences):
        return np.zeros(len(lengths))
    doc_of = np.repeat(np.arange(len(lengths)), lengths)
    norms = k1 * ((1 - b) + b * lengths / mean_length)
    finds, found = np.zeros(len(lengths)), np.zeros(len(sentences))
    for top in _list_nearest(query, sentences, n):
        found[top] += 1
        docs, counts = np.unique(doc_of[top], return_counts=True)
        finds[docs] += counts * (k1 + 1) / (counts + norms[docs])
    saturated = np.divide(found * (k1 + 1), found + norms[doc_of], where=found > 0, out=np.zeros(len(found)))
    covered = np.bincount(doc_of, saturated, len(lengths))
    shares: NDArray[np.float64] = finds / len(query) * covered / np.maximum(lengths, 1)
    return shares


def _list_nearest(query: NDArray[np.float32], sentences: NDArray[np.float32], n: int) -> list[NDArray[np.int64]]:
    """Return the rows of the n nearest sentences of each of the query's.

    A product of matrices rounds equal sentences differently; it only chooses, and the chosen are scored one by one.
    """
    nearest: list[NDArray[np.int64]] = []
    size = fit_block_size(_BLOCK_ROWS, 8 * len(sentences))
    first_wins = -np.arange(len(sentences))
    for start in range(0, len(query), size):
        rough = query[start : start + size] @ sentences.T
        least = rough.min(1) if n >= len(sentences) else np.partition(rough, -n, axis=1)[:, -n]
        for row, cosines in enumerate(rough):
            close = np.flatnonzero(cosines >= least[row] - _MARGIN)
            exact = (sentences[close].astype(np.float64) * query[start + row]).sum(axis=1).astype(np.float32)
            nearest.append(close[select_best(exact, first_wins[close], n)])
    return nearest
