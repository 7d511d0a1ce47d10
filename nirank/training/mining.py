"""Which documents a query is taught to find, and which not: positives, and negatives by label or mined from lists."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.collections.texts import Texts
from nirank.flow.pairs import concatenate_ranges
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.training.partners import Partners

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
    queries: Texts, docs: Texts, qrels: Qrels, rankings: Sequence[Ranking], params: Mapping[str, Any]
) -> MinedRows:
    """Return the examples of judged queries.

    rankings  what negatives are mined from, one for each of `params["negatives"]` that is mined
    params    'grade', 'positives' and 'negatives', as `TrainingSet` and its negatives have them; 'partners', where
              records are matched: 'tables' or 'table'
    """
    grade = params.get("grade")
    q, d = select_positives(qrels, grade, params.get("positives"))
    has_text = np.asarray(docs.fingerprints)[d] != 0
    counts = {"judgements": len(qrels), "positives": len(q), "removed: blank positives": int((~has_text).sum())}
    q, d = q[has_text], d[has_text]
    least = qrels.min_rel if grade is None else min(grade, qrels.min_rel)
    known = np.column_stack(select_positives(qrels, least, None))
    counts["examples"] = len(q)
    partners = Partners.of(queries, docs, known, params.get("partners"))
    sources: Sequence[Mapping[str, Any]] = params.get("negatives", ())
    known_texts = KnownTexts(queries, docs, known, partners, counts)
    non_matches = list_non_matches(qrels) if any("labelled" in options for options in sources) else None
    lists = iter(rankings)
    chosen: list[tuple[Rows, Rows]] = []
    for options in sources:
        if "labelled" in options:
            assert non_matches is not None
            counts["labelled non-matches"] = len(non_matches.rows)
            counts["labelled non-matches of queries without a positive"] = int((~np.isin(non_matches.queries, q)).sum())
            chosen.append(_choose_negatives(q, d, known_texts.filter(non_matches, None), None, options, counts))
        else:
            ranking = next(lists)
            listed = _list_ranks(ranking, options.get("ranks", (1, 100)))
            counts["candidates"] = counts.get("candidates", 0) + len(listed.rows)
            chosen.append(_choose_negatives(q, d, known_texts.filter(listed, non_matches), ranking, options, counts))
    offsets, negatives = _join_negatives(len(q), docs, chosen)
    if sources:
        counts["negatives"] = len(negatives)
        wanted = sum(int(options.get("n", 0 if "labelled" in options else 1)) for options in sources)
        counts["examples with fewer"] = int((np.diff(offsets) < max(wanted, 1)).sum())
    return MinedRows(q, d, offsets, negatives, partners.add_known(known, counts), counts)


class ListedPairs(NamedTuple):
    """Pairs of queries and documents that may be negatives, ordered by query, the best first."""

    queries: Rows
    rows: Rows
    scores: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class NegativePools:
    """Documents that may be negatives of each query: offsets, rows and scores, best ranked first."""

    offsets: Rows
    rows: Rows
    scores: NDArray[np.floating]


def list_non_matches(qrels: Qrels) -> ListedPairs:
    """Return the pairs that are judged, and not relevant at all."""
    hit = (qrels.grades <= 0) & (qrels.rows >= 0)
    return ListedPairs(qrels.query_rows[hit], qrels.rows[hit], np.zeros(int(hit.sum())))


def _list_ranks(ranking: Ranking, ranks: tuple[int, int]) -> ListedPairs:
    """Return what stands from one rank of each list to another."""
    in_range = (ranking.ranks >= ranks[0]) & (ranking.ranks <= ranks[1])
    rows = np.asarray(ranking.rows[in_range], np.int64)
    return ListedPairs(ranking.query_rows[in_range], rows, np.asarray(ranking.scores)[in_range])


@dataclass(frozen=True, eq=False)
class KnownTexts:
    """What is no negative of a query: its known positives, their texts, what its partners match, itself."""

    queries: Texts
    docs: Texts
    known: Rows
    partners: Partners
    counts: dict[str, int]

    def filter(self, listed: ListedPairs, labelled: ListedPairs | None) -> NegativePools:
        """Take out what is known or has a known text, and count why.

        labelled  non-matches that are negatives beside these; None: there are none
        """
        known, n_docs = self.known, len(self.docs)
        prints, query_prints = np.asarray(self.docs.fingerprints), np.asarray(self.queries.fingerprints)
        q, d, scores = listed
        _, group = np.unique(prints, return_inverse=True)
        group = group.astype(np.int64)
        n_groups = int(group.max(initial=0)) + 1
        _, question = np.unique(query_prints, return_inverse=True)  # queries with one text have one set of positives
        question = np.where(query_prints == 0, len(query_prints) + np.arange(len(query_prints)), question).astype(
            np.int64
        )
        question_at, known_of = question[q], question[known[:, 0]]
        reasons = {
            "known positives": np.isin(question_at * n_docs + d, known_of * n_docs + known[:, 1]),
            "texts of positives": np.isin(question_at * n_groups + group[d], known_of * n_groups + group[known[:, 1]]),
            "the query itself": (prints[d] == query_prints[q]) & (query_prints[q] != 0),
            "blank": prints[d] == 0,
        }
        if self.partners:
            reasons["matches of partners"] = self.partners.are_linked(q, d)
        if labelled is not None:
            taken = question[labelled.queries] * n_groups + group[labelled.rows]
            reasons["labelled non-matches"] = np.isin(question_at * n_groups + group[d], taken)
        is_candidate = np.ones(len(d), np.bool_)
        for reason, hit in reasons.items():
            self._count(f"removed: {reason}", int((is_candidate & hit).sum()))
            is_candidate &= ~hit
        _, first = np.unique((q * n_groups + group[d])[is_candidate], return_index=True)
        is_first = np.zeros(int(is_candidate.sum()), np.bool_)
        is_first[first] = True
        self._count("removed: equal texts", int((~is_first).sum()))
        is_candidate[np.flatnonzero(is_candidate)[~is_first]] = False
        q, d, scores = q[is_candidate], d[is_candidate], scores[is_candidate]
        return NegativePools(np.searchsorted(q, np.arange(len(self.queries) + 1)).astype(np.int64), d, scores)

    def _count(self, name: str, n: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + n


def _choose_negatives(
    q: Rows,
    d: Rows,
    candidates: NegativePools,
    ranking: Ranking | None,
    options: Mapping[str, Any],
    counts: dict[str, int],
) -> tuple[Rows, Rows]:
    """Return the negatives of the examples as (example, document), best first; `ranking` is what margins ask."""
    lengths = np.diff(candidates.offsets)[q]
    at = concatenate_ranges(candidates.offsets[q], lengths)
    example = np.repeat(np.arange(len(q)), lengths)
    keep = np.ones(len(at), np.bool_)
    if ranking is not None and ("margin" in options or "relative" in options):
        positive_scores = look_up_scores(ranking, q, d)
        limit = positive_scores - options["margin"] if "margin" in options else positive_scores
        if "relative" in options:  # of a negative score, the share that is farther from 0
            limit = np.minimum(limit, positive_scores - np.abs(positive_scores) * (1 - options["relative"]))
        counts["positives not in the list"] = int(np.isnan(positive_scores).sum())
        keep = ~(candidates.scores[at] > limit[example])  # where the positive has no score, nothing is too close
        counts["removed: too close to the positive"] = int((~keep).sum())
    at, example = at[keep], example[keep]
    n = int(options.get("n", len(at) if "labelled" in options else 1))
    if options.get("choose") == "random" or "labelled" in options:
        order = np.lexsort((_hash_pairs(example, candidates.rows[at]), example))
        chosen = np.sort(order[_mark_first(example[order], n)])  # back in the list's order
    else:
        chosen = np.flatnonzero(_mark_first(example, n))
    return example[chosen], candidates.rows[at[chosen]]


def _join_negatives(n: int, docs: Texts, chosen: Sequence[tuple[Rows, Rows]]) -> tuple[Rows, Rows]:
    """Return offsets and rows of the negatives of n examples: those of each source in turn, every text once."""
    nothing = np.zeros(0, np.int64)
    example = np.concatenate([nothing, *(part[0] for part in chosen)])
    rows = np.concatenate([nothing, *(part[1] for part in chosen)])
    if len(chosen) > 1:
        order = np.argsort(example, kind="stable")
        example, rows = example[order], rows[order]
        _, text = np.unique(np.asarray(docs.fingerprints)[rows], return_inverse=True)
        _, first = np.unique(example * (len(rows) + 1) + text, return_index=True)
        first = np.sort(first)
        example, rows = example[first], rows[first]
    return np.searchsorted(example, np.arange(n + 1)).astype(np.int64), rows


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
