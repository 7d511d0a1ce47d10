"""D4, duplicates: results where near-duplicate documents, such as yearly re-issues, count once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.blocking.keys import Keys, RecordKeys, combine_columns
from nirank.blocking.minhash import hash_words
from nirank.blocking.words import split_tokens
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.diagnostics.lists import measure_means
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

JACCARD = 0.8  # from which two documents are near-duplicates
_WORDS = 5  # of a shingle
_BANDS, _COMPONENTS = 20, 5  # a pair with Jaccard 0.8 shares a band with probability 1 - (1 - 0.8^5)^20 = 0.9996
_MAX_BLOCK = 1000  # documents of a band that are compared with each other


@dataclass(frozen=True)
class Duplicates:
    """Groups of documents that a chain of near-duplicates joins, and measures where each group counts once.

    groups     with two documents or more
    documents  in these groups; `largest`: in the largest
    reached    means of the system's lists; `once`: of the lists that keep a group's first document only, with the
               group as relevant as its best document
    """

    groups: int
    documents: int
    largest: int
    reached: Mapping[str, float | None]
    once: Mapping[str, float | None]


def group_near_duplicates(docs: Texts) -> NDArray[np.int64]:
    """Return for each document the first one of its group, (n_docs,).

    Two are near-duplicates where their sets of shingles of five words have Jaccard similarity 0.8 or more: MinHash
    bands find the pairs, exact sets decide. Of a band that more than a thousand documents share, each is compared with
    the next only.
    """
    shingles = _cut_shingles(docs.read(TextView(TITLE_AND_TEXT)))
    bands = hash_words(shingles, _BANDS, _COMPONENTS, seed=0)
    groups = np.arange(len(docs))

    def find_first(doc: int) -> int:
        while groups[doc] != doc:
            groups[doc] = groups[groups[doc]]
            doc = int(groups[doc])
        return doc

    order = np.argsort(bands.keys, kind="stable")
    keys, rows = bands.keys[order], bands.record_rows[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else np.empty(0, np.int64)
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(keys)], strict=True):
        members = rows[start:stop].tolist()
        for at, doc in enumerate(members):
            others = members[at + 1 :] if len(members) <= _MAX_BLOCK else members[at + 1 : at + 2]
            for other in others:
                first, second = find_first(doc), find_first(other)
                if first != second and _measure_jaccard(shingles, doc, other) >= JACCARD:
                    groups[max(first, second)] = min(first, second)
    return np.array([find_first(doc) for doc in range(len(docs))], np.int64)


def _cut_shingles(texts: Iterable[str]) -> RecordKeys:
    """Return the sets of each text's runs of words, of shorter texts all words, by their digests."""
    known: dict[str, int] = {}
    parts: list[Keys] = []
    for text in texts:
        words = np.array([known.setdefault(word, len(known)) for word in split_tokens(text)], np.int64)
        n = min(_WORDS, len(words))
        runs = np.lib.stride_tricks.sliding_window_view(words, n) if n else np.empty((0, 1), np.int64)
        parts.append(np.unique(combine_columns(runs)))
    offsets = np.append(0, np.cumsum([len(part) for part in parts])).astype(np.int64)
    return RecordKeys(offsets, np.concatenate([*parts, np.empty(0, np.uint64)]))


def _measure_jaccard(shingles: RecordKeys, doc: int, other: int) -> float:
    a, b = _get_keys(shingles, doc), _get_keys(shingles, other)
    if min(len(a), len(b)) < JACCARD * max(len(a), len(b)):
        return 0.0
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def _get_keys(shingles: RecordKeys, doc: int) -> Keys:
    return shingles.keys[shingles.offsets[doc] : shingles.offsets[doc + 1]]


def measure_duplicates(ranking: Ranking, qrels: Qrels, groups: NDArray[np.int64]) -> Duplicates:
    """Measure lists with every group counted once.

    groups  the first document of each one's group
    """
    sizes = np.bincount(groups, minlength=len(groups))
    several = sizes[sizes > 1]
    return Duplicates(
        groups=len(several),
        documents=int(several.sum()),
        largest=int(sizes.max(initial=0)),
        reached=measure_means(ranking, qrels),
        once=measure_means(_keep_first(ranking, groups), _join_labels(qrels, groups)),
    )


def _keep_first(ranking: Ranking, groups: NDArray[np.int64]) -> Ranking:
    """Return lists of groups: the first of each that a query is given, in its place."""
    firsts = groups[ranking.rows]
    keys = ranking.query_rows * max(len(groups), 1) + firsts
    _, places = np.unique(keys, return_index=True)
    places = np.sort(places)
    queries = ranking.query_rows[places]
    scores = -ranking.ranks[places].astype(np.float64)  # the order stays, whatever the first document's id is
    return Ranking.build(ranking.queries, ranking.docs, queries, firsts[places], scores, source="groups")


def _join_labels(qrels: Qrels, groups: NDArray[np.int64]) -> Qrels:
    """Return judgements of groups, with the best grade of a group's documents."""
    inside = qrels.rows >= 0
    keys = qrels.query_rows[inside] * max(len(groups), 1) + groups[qrels.rows[inside]]
    distinct, back = np.unique(keys, return_inverse=True)
    grades = np.full(len(distinct), np.iinfo(np.int64).min)
    np.maximum.at(grades, back, qrels.grades[inside])
    queries, docs = np.divmod(distinct, max(len(groups), 1))
    return Qrels.build(qrels.queries, qrels.docs, queries, docs, grades, name=qrels.name, min_rel=qrels.min_rel)
