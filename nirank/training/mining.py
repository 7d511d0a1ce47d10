"""Which documents a query is taught to find, and which not: positives, and negatives mined from a ranking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.collections.texts import Texts
from nirank.flow.pairs import concatenate_ranges
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MinedRows:
    """Examples as rows of the two sides.

    queries, positives  (n,) int64
    offsets             (n + 1,) int64: example i's negatives are negatives[offsets[i]:offsets[i + 1]], best first
    negatives           (n_negatives,) int64
    known               (n_known, 2) int64: every known positive as (query, document)
    counts              what was read, kept and removed, by reason
    """

    queries: Rows
    positives: Rows
    offsets: Rows
    negatives: Rows
    known: Rows
    counts: Mapping[str, int] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the arrays, and the counts."""
        (folder / "counts.json").write_text(json.dumps(dict(self.counts), indent=1) + "\n")
        for name in ("queries", "positives", "offsets", "negatives", "known"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> MinedRows:
        """Read what `save` wrote."""
        names = ("queries", "positives", "offsets", "negatives", "known")
        counts = json.loads((folder / "counts.json").read_text())
        rows = [np.load(folder / f"{name}.npy", allow_pickle=False) for name in names]
        return cls(rows[0], rows[1], rows[2], rows[3], rows[4], counts)

    def list_pairs(self) -> tuple[Rows, Rows]:
        """Return every (query, document) of an example, each pair once."""
        q = np.concatenate((self.queries, np.repeat(self.queries, np.diff(self.offsets))))
        d = np.concatenate((self.positives, self.negatives))
        return tuple(np.unique(np.column_stack((q, d)), axis=0).T)


def select_positives(qrels: Qrels, grade: int | None, most: int | None) -> tuple[Rows, Rows]:
    """Return the query and document rows of what is relevant; of each query at most so many.

    The highest grades come first, equal ones in an order that a hash gives.
    """
    hit = (qrels.grades >= (qrels.min_rel if grade is None else grade)) & (qrels.rows >= 0)
    q, d, g = qrels.query_rows[hit], qrels.rows[hit], qrels.grades[hit]
    if most is not None:
        order = np.lexsort((_hash_pairs(q, d), -g, q))
        q, d = q[order], d[order]
        first = _mark_first(q, most)
        q, d = q[first], d[first]
        order = np.lexsort((d, q))
        q, d = q[order], d[order]
    return q, d


def mine_rows(
    queries: Texts, docs: Texts, qrels: Qrels, ranking: Ranking | None, params: Mapping[str, Any]
) -> MinedRows:
    """Return the examples of judged queries.

    found   what negatives are taken from; None: there are none
    params  'grade', 'positives' and 'negatives', as `TrainingSet` and `Mined` have them
    """
    grade = params.get("grade")
    q, d = select_positives(qrels, grade, params.get("positives"))
    has_text = np.asarray(docs.fingerprints)[d] != 0
    counts = {"judgements": len(qrels), "positives": len(q), "removed: blank positives": int((~has_text).sum())}
    q, d = q[has_text], d[has_text]
    least = qrels.min_rel if grade is None else min(grade, qrels.min_rel)
    known = np.column_stack(select_positives(qrels, least, None))
    counts["examples"] = len(q)
    if ranking is None:
        no_rows = np.zeros(0, np.int64)
        return MinedRows(q, d, np.zeros(len(q) + 1, np.int64), no_rows, known, counts)
    options = params["negatives"]
    candidates = _filter_candidates(queries, docs, ranking, known, options.get("ranks", (1, 100)), counts)
    offsets, negatives = _choose_negatives(q, d, candidates, ranking, options, counts)
    return MinedRows(q, d, offsets, negatives, known, counts)


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Documents that may be negatives of each query: offsets, rows and scores, best ranked first."""

    offsets: Rows
    rows: Rows
    scores: NDArray[np.floating]


def _filter_candidates(
    queries: Texts, docs: Texts, ranking: Ranking, known: Rows, ranks: tuple[int, int], counts: dict[str, int]
) -> _Candidates:
    """Take out what is known or has a known text."""
    prints, query_prints = np.asarray(docs.fingerprints), np.asarray(queries.fingerprints)
    in_range = (ranking.ranks >= ranks[0]) & (ranking.ranks <= ranks[1])
    q, d = ranking.query_rows[in_range], np.asarray(ranking.rows[in_range], np.int64)
    scores = np.asarray(ranking.scores)[in_range]
    _, group = np.unique(np.concatenate((prints[d], prints[known[:, 1]])), return_inverse=True)
    group, known_group = group[: len(d)].astype(np.int64), group[len(d) :].astype(np.int64)
    n_groups = int(max(group.max(initial=0), known_group.max(initial=0))) + 1
    _, question = np.unique(query_prints, return_inverse=True)  # queries with one text have one set of positives
    question = np.where(query_prints == 0, len(query_prints) + np.arange(len(query_prints)), question).astype(np.int64)
    question_at, known_of = question[q], question[known[:, 0]]
    reasons = {
        "known positives": np.isin(question_at * len(docs) + d, known_of * len(docs) + known[:, 1]),
        "texts of positives": np.isin(question_at * n_groups + group, known_of * n_groups + known_group),
        "the query itself": (prints[d] == query_prints[q]) & (query_prints[q] != 0),
        "blank": prints[d] == 0,
    }
    counts["candidates"] = len(d)
    is_candidate = np.ones(len(d), np.bool_)
    for reason, hit in reasons.items():
        counts[f"removed: {reason}"] = int((is_candidate & hit).sum())
        is_candidate &= ~hit
    _, first = np.unique((q * n_groups + group)[is_candidate], return_index=True)
    is_first = np.zeros(int(is_candidate.sum()), np.bool_)
    is_first[first] = True
    counts["removed: equal texts"] = int((~is_first).sum())
    is_candidate[np.flatnonzero(is_candidate)[~is_first]] = False
    q, d, scores = q[is_candidate], d[is_candidate], scores[is_candidate]
    return _Candidates(np.searchsorted(q, np.arange(len(queries) + 1)).astype(np.int64), d, scores)


def _choose_negatives(
    q: Rows, d: Rows, candidates: _Candidates, ranking: Ranking, options: Mapping[str, Any], counts: dict[str, int]
) -> tuple[Rows, Rows]:
    """Return offsets and rows of each example's negatives."""
    lengths = np.diff(candidates.offsets)[q]
    at = concatenate_ranges(candidates.offsets[q], lengths)
    example = np.repeat(np.arange(len(q)), lengths)
    keep = np.ones(len(at), np.bool_)
    if "margin" in options or "relative" in options:
        positive_scores = look_up_scores(ranking, q, d)
        limit = positive_scores - options["margin"] if "margin" in options else positive_scores
        if "relative" in options:  # of a negative score, the share that is farther from 0
            limit = np.minimum(limit, positive_scores - np.abs(positive_scores) * (1 - options["relative"]))
        counts["positives not in the list"] = int(np.isnan(positive_scores).sum())
        keep = ~(candidates.scores[at] > limit[example])  # where the positive has no score, nothing is too close
        counts["removed: too close to the positive"] = int((~keep).sum())
    at, example = at[keep], example[keep]
    n = int(options.get("n", 1))
    if options.get("choose") == "random":
        order = np.lexsort((_hash_pairs(example, candidates.rows[at]), example))
        chosen = np.sort(order[_mark_first(example[order], n)])  # back in the list's order
    else:
        chosen = np.flatnonzero(_mark_first(example, n))
    at, example = at[chosen], example[chosen]
    offsets = np.searchsorted(example, np.arange(len(q) + 1)).astype(np.int64)
    counts["negatives"] = len(at)
    counts["examples with fewer"] = int((np.diff(offsets) < n).sum())
    return offsets, candidates.rows[at]


def _mark_first(keys: Rows, n: int) -> NDArray[np.bool_]:
    """Tell which entries are among the first n of their key; keys are in runs."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    place = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    return np.asarray(place < n)


def look_up_scores(ranking: Ranking, q: Rows, d: Rows) -> NDArray[np.float64]:
    """Return the scores that a ranking has for pairs, NaN where it has none."""
    if not len(ranking):
        return np.full(len(q), np.nan)
    order = np.argsort(ranking.keys)
    keys, pair_keys = ranking.keys[order], q * max(len(ranking.docs), 1) + d
    at = np.minimum(np.searchsorted(keys, pair_keys), len(keys) - 1)
    scores = np.asarray(ranking.scores, np.float64)[order[at]]
    return np.where(keys[at] == pair_keys, scores, np.nan)


def _hash_pairs(a: Rows, b: Rows) -> NDArray[np.uint64]:
    """Return a hash of each pair of numbers (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        x = a.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + b.astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)
