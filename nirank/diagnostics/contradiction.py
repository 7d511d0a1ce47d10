"""D2, contradiction: relevant documents beside documents of the same list that are almost equal and not relevant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.diagnostics.lists import JudgedLists, find_relevant

COSINES = (0.90, 0.95, 0.98, 0.99)
_NEAREST = 10


@dataclass(frozen=True)
class Contradiction:
    """How often the same list labels what looks alike otherwise. A high share bounds what reads texts alone.

    over       whose lists these are, to which depth; `vectors`: of what
    positives  relevant documents in a list with a document that is not
    documents  (θ, share of the positives with a negative of the same list where cos(v_d⁺, v_d⁻) ≥ θ)
    pairs      the same of pair features [v_q; v_d; |v_q - v_d|; v_q ∘ v_d]
    entropy    mean over the positives of the binary entropy, in bits, of the labels among the ten pairs of the list
               whose features are nearest, the positive itself among them
    """

    over: str
    depth: int
    vectors: str
    positives: int
    documents: tuple[tuple[float, float], ...]
    pairs: tuple[tuple[float, float], ...]
    entropy: float


class Vectors(NamedTuple):
    """Vectors of an encoder: of all documents and of all queries, (n, dimension)."""

    encoder: str
    docs: NDArray[np.floating]
    queries: NDArray[np.floating]


def measure_contradiction(judged: JudgedLists, depth: int, vectors: Vectors | None = None) -> Contradiction | str:
    """Compare the relevant documents of each list's head with the others; text says why there is nothing to compare.

    vectors  None: TF-IDF over words, (ln(tf) + 1) times a smoothed idf, which is that of the listed documents
    All are scaled to unit length.
    """
    assert judged.ranking is not None, "lists are compared"
    head = judged.ranking.cut(depth)
    relevant = find_relevant(head, judged.qrels)
    found = np.bincount(head.query_rows[relevant], minlength=len(head.queries))
    compared = np.flatnonzero((found > 0) & (found < head.counts))
    if not len(compared):
        return f"no list of {judged.name} has both relevant and other documents among its first {depth}"
    rows = np.unique(head.rows[np.isin(head.query_rows, compared)]).astype(np.int64)
    if vectors is None:
        doc_vectors, query_vectors = _make_vectors(judged.docs, rows, judged.queries, compared)
    else:
        doc_vectors, query_vectors = _scale(vectors.docs[rows]), _scale(vectors.queries[compared])
    nearest, nearest_pairs, entropies = [], [], []
    for at, query in enumerate(compared.tolist()):
        labels = relevant[head.offsets[query] : head.offsets[query + 1]]
        listed = doc_vectors[np.searchsorted(rows, head.get_rows(query))]
        cosines = (listed[labels] @ listed[~labels].T).toarray()
        nearest.append(cosines.max(axis=1))
        alike = _compare_pairs(query_vectors[at], listed)[labels]
        nearest_pairs.append(alike[:, ~labels].max(axis=1))
        entropies.append(_measure_entropies(alike, labels))
    documents, pairs = (np.concatenate(parts) for parts in (nearest, nearest_pairs))
    return Contradiction(
        judged.name,
        depth,
        "TF-IDF" if vectors is None else vectors.encoder,
        len(documents),
        _count_shares(documents),
        _count_shares(pairs),
        float(np.concatenate(entropies).mean()),
    )


def _make_vectors(docs: Texts, rows: NDArray[np.int64], queries: Texts, query_rows: NDArray[np.int64]) -> Any:
    """Return the sparse TF-IDF vectors of documents and of queries."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    view = TextView(TITLE_AND_TEXT)
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    texts = docs.read(view, rows)
    return vectorizer.fit_transform(texts), vectorizer.transform(queries.read(view, query_rows))


def _scale(vectors: NDArray[np.floating]) -> Any:
    """Return vectors of unit length, as sparse ones; zeros stay zeros."""
    from scipy import sparse

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return sparse.csr_matrix(np.asarray(vectors, np.float64) / np.where(lengths > 0, lengths, 1))


def _compare_pairs(query: Any, vectors: Any) -> NDArray[np.float64]:
    """Return the cosines of the features of one query's pairs, (n, n); `query` is (1, terms), `vectors` (n, terms)."""
    from scipy import sparse

    repeated = sparse.csr_matrix(np.ones((vectors.shape[0], 1))) @ query
    features = sparse.hstack([repeated, vectors, abs(repeated - vectors), repeated.multiply(vectors)]).tocsr()
    lengths = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).ravel())
    lengths[lengths == 0] = 1
    return np.asarray((features @ features.T).toarray() / np.outer(lengths, lengths))


def _measure_entropies(alike: NDArray[np.float64], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the entropy of the labels of the nearest pairs of each positive; it is the nearest of its own."""
    alike = alike.copy()
    alike[np.arange(len(alike)), np.flatnonzero(labels)] = np.inf
    n = min(_NEAREST, alike.shape[1])
    nearest = np.argsort(-alike, axis=1, kind="stable")[:, :n]
    share = labels[nearest].mean(axis=1)
    other = 1 - share
    logs = share * np.log2(share) + np.where(other > 0, other * np.log2(np.maximum(other, 1e-300)), 0)
    return np.asarray(-logs)


def _count_shares(cosines: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    rounded: Sequence[float] = COSINES
    return tuple((cosine, float((cosines >= cosine - 1e-12).mean())) for cosine in rounded)
