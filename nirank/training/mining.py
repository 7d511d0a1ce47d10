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
        kept = _mark_first(q, most)
        q, d = q[kept], d[kept]
        order = np.lexsort((d, q))
        q, d = q[order], d[order]
    return q, d


def mine_rows(queries: Texts, docs: Texts, qrels: Qrels, found: Ranking | None, params: Mapping[str, Any]) -> MinedRows:
    """Return the examples of judged queries.

    found   what negatives are taken from; None: there are none
    params  'grade', 'positives' and 'negatives', as `TrainingSet` and `Mined` have them
    """
    grade = params.get("grade")
    q, d = select_positives(qrels, grade, params.get("positives"))
    told = np.asarray(docs.fingerprints)[d] != 0
    counts = {"judgements": len(qrels), "positives": len(q), "removed: blank positives": int((~told).sum())}
    q, d = q[told], d[told]
    least = qrels.min_rel if grade is None else min(grade, qrels.min_rel)
    known = np.column_stack(select_positives(qrels, least, None))
    counts["examples"] = len(q)
    if found is None:
        nothing = np.zeros(0, np.int64)
        return MinedRows(q, d, np.zeros(len(q) + 1, np.int64), nothing, known, counts)
    how = params["negatives"]
    candidates = _filter_candidates(queries, docs, found, known, how.get("ranks", (1, 100)), counts)
    offsets, negatives = _choose_negatives(q, d, candidates, found, how, counts)
    return MinedRows(q, d, offsets, negatives, known, counts)


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Documents that may be negatives of each query: offsets, rows and scores, best ranked first."""

    offsets: Rows
    rows: Rows
    scores: NDArray[np.floating]


def _filter_candidates(
    queries: Texts, docs: Texts, found: Ranking, known: Rows, ranks: tuple[int, int], counts: dict[str, int]
) -> _Candidates:
    """Take out what is known or has a known text."""
    prints, asked = np.asarray(docs.fingerprints), np.asarray(queries.fingerprints)
    inside = (found.ranks >= ranks[0]) & (found.ranks <= ranks[1])
    q, d = found.query_rows[inside], np.asarray(found.rows[inside], np.int64)
    scores = np.asarray(found.scores)[inside]
    _, group = np.unique(np.concatenate((prints[d], prints[known[:, 1]])), return_inverse=True)
    group, known_group = group[: len(d)].astype(np.int64), group[len(d) :].astype(np.int64)
    n_groups = int(max(group.max(initial=0), known_group.max(initial=0))) + 1
    _, question = np.unique(asked, return_inverse=True)  # queries with one text have one set of positives
    question = np.where(asked == 0, len(asked) + np.arange(len(asked)), question).astype(np.int64)
    of, known_of = question[q], question[known[:, 0]]
    reasons = {
        "known positives": np.isin(of * len(docs) + d, known_of * len(docs) + known[:, 1]),
        "texts of positives": np.isin(of * n_groups + group, known_of * n_groups + known_group),
        "the query itself": (prints[d] == asked[q]) & (asked[q] != 0),
        "blank": prints[d] == 0,
    }
    counts["candidates"] = len(d)
    left = np.ones(len(d), np.bool_)
    for reason, hit in reasons.items():
        counts[f"removed: {reason}"] = int((left & hit).sum())
        left &= ~hit
    _, first = np.unique((q * n_groups + group)[left], return_index=True)
    alone = np.zeros(int(left.sum()), np.bool_)
    alone[first] = True
    counts["removed: equal texts"] = int((~alone).sum())
    left[np.flatnonzero(left)[~alone]] = False
    q, d, scores = q[left], d[left], scores[left]
    return _Candidates(np.searchsorted(q, np.arange(len(queries) + 1)).astype(np.int64), d, scores)


def _choose_negatives(
    q: Rows, d: Rows, listed: _Candidates, found: Ranking, how: Mapping[str, Any], counts: dict[str, int]
) -> tuple[Rows, Rows]:
    """Return offsets and rows of each example's negatives."""
    lengths = np.diff(listed.offsets)[q]
    at = concatenate_ranges(listed.offsets[q], lengths)
    example = np.repeat(np.arange(len(q)), lengths)
    keep = np.ones(len(at), np.bool_)
    if "margin" in how or "relative" in how:
        own = look_up_scores(found, q, d)
        limit = own - how["margin"] if "margin" in how else own
        if "relative" in how:  # of a negative score, the share that is farther from 0
            limit = np.minimum(limit, own - np.abs(own) * (1 - how["relative"]))
        counts["positives not in the list"] = int(np.isnan(own).sum())
        keep = ~(listed.scores[at] > limit[example])  # where the positive has no score, nothing is too close
        counts["removed: too close to the positive"] = int((~keep).sum())
    at, example = at[keep], example[keep]
    n = int(how.get("n", 1))
    if how.get("choose") == "random":
        order = np.lexsort((_hash_pairs(example, listed.rows[at]), example))
        chosen = np.sort(order[_mark_first(example[order], n)])  # back in the list's order
    else:
        chosen = np.flatnonzero(_mark_first(example, n))
    at, example = at[chosen], example[chosen]
    offsets = np.searchsorted(example, np.arange(len(q) + 1)).astype(np.int64)
    counts["negatives"] = len(at)
    counts["examples with fewer"] = int((np.diff(offsets) < n).sum())
    return offsets, listed.rows[at]


def _mark_first(keys: Rows, n: int) -> NDArray[np.bool_]:
    """Tell which entries are among the first n of their key; keys are in runs."""
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    place = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    return np.asarray(place < n)


def look_up_scores(found: Ranking, q: Rows, d: Rows) -> NDArray[np.float64]:
    """Return the scores that a ranking has for pairs, NaN where it has none."""
    if not len(found):
        return np.full(len(q), np.nan)
    order = np.argsort(found.keys)
    keys, wanted = found.keys[order], q * max(len(found.docs), 1) + d
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    scores = np.asarray(found.scores, np.float64)[order[at]]
    return np.where(keys[at] == wanted, scores, np.nan)


def _hash_pairs(a: Rows, b: Rows) -> NDArray[np.uint64]:
    """Return a hash of each pair of numbers (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        x = a.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + b.astype(np.uint64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)
