"""Ranking: Pairs with scores, in the one standard order, and how deep it was cut."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nirank.errors import DataError, StageError
from nirank.flow.ids import Ids, as_id
from nirank.flow.pairs import (
    Pairs,
    Rows,
    check_rows,
    compute_offsets,
    concatenate_ranges,
    flatten_mapping,
    refuse_repeats,
    require_rows,
)

if TYPE_CHECKING:
    import pandas as pd

Scores = NDArray[np.floating]

_BLOCK = 1 << 20  # pairs that are looked at together


def find_standard_order(docs: Ids, query_rows: Rows, doc_rows: Rows, scores: Scores) -> NDArray[np.int64]:
    """Return the permutation into the standard order.

    Query row ascending; score descending; between equal scores document id in descending
    byte order. This is trec_eval's rule, so what nirank evaluates is what trec_eval computes
    from the file that nirank writes.
    """
    ascending = not (np.diff(query_rows) < 0).any()
    by_query = np.arange(len(query_rows)) if ascending else np.argsort(query_rows, kind="stable")
    q, s = (query_rows, scores) if ascending else (query_rows[by_query], scores[by_query])
    same_query = q[1:] == q[:-1]
    if (same_query & (s[1:] > s[:-1])).any():
        if scores.dtype != np.float32:
            return np.lexsort((-docs.rank[doc_rows], -scores, query_rows)).astype(np.int64)
        by_query = np.argsort(make_sort_keys(query_rows, scores))
        q, s = query_rows[by_query], scores[by_query]
        same_query = q[1:] == q[:-1]
    # What stages and files give as a rule: comparing neighbours and sorting ties is cheaper than sorting all.
    ties = same_query & (s[1:] == s[:-1])
    if ties.any():
        tied = np.flatnonzero(np.append(ties, False) | np.concatenate(([False], ties)))
        group = np.cumsum(~np.concatenate(([False], ties)))[tied]
        places = by_query[tied]
        by_query[tied] = places[np.lexsort((-docs.rank_rows(doc_rows[places]), group))]
    return by_query


def make_sort_keys(query_rows: Rows, scores: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return numbers, (n_pairs,), that ascend with the query row and, within a query, as the score descends."""
    bits = scores.view(np.uint32)
    descending = np.where(scores.view(np.int32) < 0, bits, ~bits & np.uint32(0x7FFFFFFF))  # sign and size to one scale
    return (query_rows.astype(np.uint64) << np.uint64(32)) | descending


def select_best_pairs(
    docs: Ids, query_rows: Rows, doc_rows: Rows, scores: Scores, k: int | None
) -> tuple[Rows, Rows, Scores]:
    """Return each query's k best of loose scored pairs, in standard order; None: all."""
    order = find_standard_order(docs, query_rows, doc_rows, scores)
    if k is not None:
        q = query_rows[order]
        order = order[np.arange(len(q)) - np.searchsorted(q, q) < k]
    return query_rows[order], doc_rows[order], scores[order]


def select_best(scores: Scores, rank: NDArray[np.integer], k: int | None) -> NDArray[np.int64]:
    """Return the positions of the k best scores in standard order, ties at the cut included rightly.

    scores  (n,) floating, one query's
    rank    (n,) byte-order rank of each position's document id
    """
    if k is not None and k < len(scores):
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = np.flatnonzero(scores >= kth)
    else:
        kept = np.arange(len(scores))
    order = np.lexsort((-rank[kept], -scores[kept]))
    return np.asarray(kept[order][:k], np.int64)


def _parse_score(query: str, doc: str, given: Any) -> float:
    """Return a caller's score as a number; raise DataError for what is no finite one."""
    try:
        score = float(given)
    except (TypeError, ValueError):
        score = np.nan
    if not np.isfinite(score):
        raise DataError(f"query '{query}', document '{doc}' has score {given!r}; expected a finite number")
    return score


class Ranking(Pairs):
    """For each query its documents, best first. Immutable.

    scores  (n_pairs,), in the precision that the stage computed: float32 from models and
            BM25, float64 from fusion and files
    depth   where the ranking was cut; None: it was not

    Always in standard order (see `find_standard_order`); no document twice in a query, no NaN, no
    infinity. Build with `Ranking.build`, which sorts and checks.
    """

    def __init__(
        self, queries: Ids, docs: Ids, offsets: Rows, rows: Rows, scores: Scores, depth: int | None = None
    ) -> None:
        super().__init__(queries, docs, offsets, rows)
        self.scores = scores
        self.depth = depth

    @classmethod
    def build(  # type: ignore[override]
        cls,
        queries: Ids,
        docs: Ids,
        query_rows: Rows,
        doc_rows: Rows,
        scores: Scores,
        *,
        source: str,
        depth: int | None = None,
    ) -> Ranking:
        """Sort loose scored pairs into standard order and cut them at `depth`.

        depth    how deep the maker looked; stays on the ranking even where no list is that long
        source   names the stage or file in errors
        scores   integers become float64
        raises   StageError for NaN, infinite scores, a document twice in a query, unknown rows
        """
        q, d, s = np.asarray(query_rows), np.asarray(doc_rows), np.asarray(scores)
        if s.dtype.kind in "iub":  # an unsigned score has no negative to sort by
            s = s.astype(np.float64)
        if not len(q) == len(d) == len(s):
            raise StageError(f"{source}: gave {len(q)} queries, {len(d)} documents and {len(s)} scores; expected equal")
        check_rows(queries, docs, q, d, source)
        wild = np.flatnonzero(~np.isfinite(s))
        if len(wild):
            query, doc = queries[q[wild[0]]], docs[d[wild[0]]]
            raise StageError(
                f"{source}: query '{query}', document '{doc}' has score {s[wild[0]]}; expected a finite number"
                f" ({len(wild)} such scores)"
            )
        keys = np.sort(q.astype(np.int64) * max(len(docs), 1) + d)
        if (keys[1:] == keys[:-1]).any():
            by_pair = np.lexsort((d, q))
            refuse_repeats(queries, docs, q[by_pair], d[by_pair], source)
        order = find_standard_order(docs, q, d, s)
        ranking = cls(queries, docs, compute_offsets(q[order], len(queries)), d[order], s[order])
        return ranking if depth is None else ranking.cut(depth)._with_depth(depth)

    @classmethod
    def from_dict(
        cls, run: Mapping[str, Mapping[str, float]], queries: Ids | None = None, docs: Ids | None = None
    ) -> Ranking:
        """Make a ranking from {query id: {document id: score}}; sides default to the ids that occur."""
        flat = flatten_mapping(run, "score", "dictionary")
        queries = Ids.of(run) if queries is None else queries
        docs = Ids.of(dict.fromkeys(doc for _, doc, _ in flat)) if docs is None else docs
        q = require_rows(queries, [query for query, _, _ in flat], "dictionary: query")
        d = require_rows(docs, [doc for _, doc, _ in flat], "dictionary: document")
        scores = np.array([_parse_score(*row) for row in flat], np.float64)
        return cls.build(queries, docs, q, d, scores, source="dictionary")

    def to_dict(self) -> dict[str, dict[str, float]]:  # type: ignore[override]
        """Return {query id: {document id: score}}, best first; queries without results are present."""
        ids, scores = self.docs.take(self.rows), self.scores.tolist()
        return {
            query: dict(zip(ids[a:b], scores[a:b], strict=True))
            for query, a, b in zip(self.queries, self.offsets[:-1], self.offsets[1:], strict=True)
        }

    @classmethod
    def from_pandas(cls, frame: pd.DataFrame, queries: Ids | None = None, docs: Ids | None = None) -> Ranking:
        """Make a ranking from columns `query_id`, `doc_id`, `score`; ids that are whole numbers become text.

        Raises DataError for a column that is not there, and for what is no id or no score.
        """
        columns = list(getattr(frame, "columns", ()))
        for name in ("query_id", "doc_id", "score"):
            if name not in columns:
                description = f"it has {', '.join(map(str, columns))}" if columns else f"got {type(frame).__name__}"
                raise DataError(f"table: there is no column '{name}'; {description}")
        given_q, given_d = (
            [as_id(value, f"table: column '{name}'") for value in frame[name]] for name in ("query_id", "doc_id")
        )
        queries = Ids.of(dict.fromkeys(given_q)) if queries is None else queries
        docs = Ids.of(dict.fromkeys(given_d)) if docs is None else docs
        q, d = require_rows(queries, given_q, "table: query"), require_rows(docs, given_d, "table: document")
        scores = frame["score"].to_numpy()
        if scores.dtype.kind not in "iufb" or not np.isfinite(scores).all():
            scores = np.array(
                [_parse_score(*value) for value in zip(given_q, given_d, scores, strict=True)], np.float64
            )
        return cls.build(queries, docs, q, d, scores, source="table")

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a result: `query_id`, `doc_id`, `score`, `rank` (from 1)."""
        import pandas as pd

        return pd.DataFrame(
            {
                "query_id": self.queries.take(self.query_rows),
                "doc_id": self.docs.take(self.rows),
                "score": self.scores,
                "rank": self.ranks,
            }
        )

    @property
    def ranks(self) -> NDArray[np.int64]:
        """The rank of every pair within its query, from 1, (n_pairs,) int64."""
        return np.arange(1, len(self) + 1) - np.repeat(self.offsets[:-1], self.counts)

    def cut(self, k: int) -> Ranking:
        """Keep each query's first k documents; where any list was longer, the depth becomes k."""
        if k < 1:
            raise StageError(f"cut: a ranking can be cut at 1 or more, got {k}")
        lengths = np.minimum(self.counts, k)
        if np.array_equal(lengths, self.counts):
            return self if self.depth is None else self._with_depth(min(k, self.depth))
        at = concatenate_ranges(self.offsets[:-1], lengths)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        return Ranking(
            self.queries,
            self.docs,
            offsets,
            self.rows[at],
            self.scores[at],
            k if self.depth is None else min(k, self.depth),
        )

    def rescore(self, scores: Scores, *, source: str) -> Ranking:
        """Give every pair another score, (n_pairs,), and sort anew."""
        return Ranking.build(self.queries, self.docs, self.query_rows, self.rows, scores, source=source)._with_depth(
            self.depth
        )

    def _with_depth(self, depth: int | None) -> Ranking:
        return Ranking(self.queries, self.docs, self.offsets, self.rows, self.scores, depth)

    @staticmethod
    def concatenate(parts: Sequence[Ranking], queries: Ids) -> Ranking:
        """Join rankings of disjoint queries over the same documents into one over `queries`."""
        if not parts:
            raise StageError("concatenate: expected at least one ranking")
        docs = parts[0].docs
        if any(part.docs != docs for part in parts):
            raise StageError("concatenate: the rankings are over different documents")
        rows = np.concatenate([queries.find_rows(list(part.queries)) for part in parts])
        if len(np.unique(rows)) != len(rows) or (rows < 0).any():
            raise StageError("concatenate: a query is in two rankings, or not in the joint table")
        q = np.concatenate([queries.find_rows(list(part.queries))[part.query_rows] for part in parts])
        d = np.concatenate([part.rows for part in parts])
        depths = [part.depth for part in parts if part.depth is not None]
        scores = np.concatenate([part.scores for part in parts])
        ranking = Ranking.build(queries, docs, q, d, scores, source="concatenate")
        return ranking._with_depth(min(depths) if depths else None)

    def count_float32_ties(self) -> int:
        """Count neighbours with distinct scores that a tool with 32-bit floats would see as tied."""
        count = 0
        for start in range(0, len(self), _BLOCK):
            scores = self.scores[start : start + _BLOCK + 1]
            single = scores.astype(np.float32)
            at = start + 1 + np.flatnonzero((scores[1:] != scores[:-1]) & (single[1:] == single[:-1]))
            count += int((self.offsets[self.get_query_rows(at)] < at).sum())  # not the first of a query
        return count

    def _replace(self, offsets: Rows, rows: Rows, at: Any) -> Self:
        return type(self)(self.queries, self.docs, offsets, rows, self.scores[at], self.depth)

    def _equals(self, other: object) -> bool:
        return (
            super()._equals(other)
            and isinstance(other, Ranking)
            and self.scores.dtype == other.scores.dtype
            and np.array_equal(self.scores, other.scores)
            and self.depth == other.depth
        )

    def save(self, folder: Path) -> None:
        """Write the arrays and the depth."""
        super().save(folder)
        np.save(folder / "scores.npy", self.scores)
        (folder / "ranking.json").write_text(json.dumps({"depth": self.depth}))

    @classmethod
    def open(cls, folder: Path, queries: Ids, docs: Ids) -> Self:
        """Map what `save` wrote."""
        pairs = Pairs.open(folder, queries, docs)
        depth = json.loads((folder / "ranking.json").read_text())["depth"]
        scores = np.load(folder / "scores.npy", mmap_mode="r")
        return cls(queries, docs, pairs.offsets, pairs.rows, scores, depth)


def find_certain_depth(ranking: Ranking, counts: NDArray[np.int64]) -> int | None:
    """Return the fewest made documents (or parts) of any query whose list was cut; None where none was.

    counts  (n_queries,) how many were made of each list
    """
    if ranking.depth is None:
        return None
    was_cut = ranking.counts >= ranking.depth
    return max(int(counts[was_cut].min()), 1) if was_cut.any() else None
