"""Run files: TREC's `query Q0 document rank score tag`, plain or packed, and Parquet for ids that TREC cannot hold."""

from __future__ import annotations

import gzip
import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.base.files import expand_path
from nirank.errors import ConfigError, DataError, StageError, suggest
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking, Scores
from nirank.flow.run_lines import RunLines, read_run_lines

OrderBy = Literal["score", "rank", "line"]
Duplicates = Literal["refuse", "best", "first"]

_WRITTEN_LINES = 100_000  # turned into text at a time
_UNWRITABLE = r"^$|^\x{FEFF}|[\s\x0b\x1c-\x1f\x85\p{Z}]"  # RE2's \s lacks the vertical tab and what is not ASCII


@dataclass(frozen=True)
class RunFile:
    """A run file as read.

    ranking               in standard order
    tag                   of the first line; '' for an empty file
    rank_score_conflicts  queries whose rank column, scores and line order do not agree
    duplicate_run_rows    repeated lines that were dropped
    queries_not_declared  queries of the file that the table does not have; left out
    ties_past_2_53        neighbours with one score of 2^53 or more: there float64 no longer tells whole numbers
                          apart, so the file may say different ones
    """

    ranking: Ranking
    tag: str = ""
    rank_score_conflicts: int = 0
    duplicate_run_rows: int = 0
    queries_not_declared: int = 0
    ties_past_2_53: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The counters by name; the rare one only where it is not 0."""
        rare = {"ties_past_2_53": self.ties_past_2_53} if self.ties_past_2_53 else {}
        return {
            "rank_score_conflicts": self.rank_score_conflicts,
            "duplicate_run_rows": self.duplicate_run_rows,
            "queries_not_declared": self.queries_not_declared,
            **rare,
        }


def read_run(
    path: str | Path,
    queries: Ids | None = None,
    docs: Ids | None = None,
    *,
    order_by: OrderBy = "score",
    duplicates: Duplicates = "refuse",
) -> RunFile:
    """Read a run file; scores are float64.

    queries, docs  the sides it is read for; None: the ids that occur. Queries that are not in the
                   table are left out and counted; a document that is not is a mistake.
    order_by       what decides: the 'score' (as trec_eval), the 'rank' column, or the 'line' order;
                   the last two give scores made of ranks
    duplicates     a document twice in a query with different scores: 'refuse', keep the 'best', or
                   the 'first'; identical repeats are always dropped
    Raises DataError, with file and line, for lines that are not six columns, scores that are no
    finite numbers, contradicting repeats, unknown documents, and no query in common; ConfigError
    for other words than those above.
    """
    for what, word, known in (
        ("order_by", order_by, get_args(OrderBy)),
        ("duplicates", duplicates, get_args(Duplicates)),
    ):
        if word not in known:
            raise ConfigError(f"{what} is one of {', '.join(known)}, got {word!r}{suggest(str(word), known)}")
    path = expand_path(path)
    lines = read_run_lines(path)
    n = len(lines)
    queries, query_rows = _match_side(queries, lines.query_ids)
    docs, doc_rows = _match_side(docs, lines.doc_ids)
    q, d = query_rows[lines.query], doc_rows[lines.doc]
    declared = q >= 0
    if n and not declared.any():
        examples = ", ".join(lines.query_ids[:3].to_pylist())
        raise DataError(f"{path}: none of its queries is declared (it has {examples} …)")
    unknown = np.flatnonzero(declared & (d < 0))
    if len(unknown):
        _, first = lines.get_ids(int(unknown[0]))
        nearest = suggest(first, docs.take(np.arange(min(len(docs), 10_000))))
        raise DataError(
            f"{path}: {len(unknown):,} lines name documents that the corpus lacks, first '{first}'"
            f" in line {lines.get_line_number(int(unknown[0]))}{nearest}"
        )
    conflicts = _count_conflicts(q, lines)
    score: Scores = lines.score
    if order_by != "score":
        place = np.arange(n) if order_by == "line" else lines.rank
        if place is None:
            raise DataError(f"{path}: order_by: rank needs ranks, but the file has none that are all numbers")
        score = _score_positions(q, place)
    kept = np.flatnonzero(declared)
    kept = kept[_select_distinct(path, q[kept], d[kept], score[kept], duplicates, lines, kept)]
    ranking = Ranking.build(queries, docs, q[kept], d[kept], score[kept], source=str(path))
    repeated, absent = int(declared.sum()) - len(kept), int((query_rows < 0).sum())
    return RunFile(ranking, lines.tag, conflicts, repeated, absent, _count_ties_past_2_53(ranking))


def _count_ties_past_2_53(ranking: Ranking) -> int:
    scores, query = ranking.scores, ranking.query_rows
    return int(((np.abs(scores[1:]) >= 2.0**53) & (scores[1:] == scores[:-1]) & (query[1:] == query[:-1])).sum())


def _match_side(table: Ids | None, ids: pa.Array) -> tuple[Ids, NDArray[np.int64]]:
    """Return a side's table, and the row of each of a file's ids in it; None: these ids are the table."""
    return (Ids(ids), np.arange(len(ids))) if table is None else (table, table.find_rows(ids))


def _score_positions(q: NDArray[np.int64], place: NDArray[np.integer | np.floating]) -> NDArray[np.float64]:
    """Return scores that fall with each query's places, from the length of the list down to 1."""
    order = np.lexsort((place, q))
    begins = np.searchsorted(q[order], q[order])
    lengths = np.searchsorted(q[order], q[order], side="right") - begins
    scores = np.empty(len(q))
    scores[order] = lengths - (np.arange(len(q)) - begins)
    return scores


def _count_conflicts(q: NDArray[np.int64], lines: RunLines) -> int:
    """Count queries in which score, rank column and line order do not name one order.

    Equal scores agree with any order, so only pairs with different scores count.
    """
    by_rank = by_line = np.argsort(q, kind="stable")
    if lines.rank is not None:
        falling = (np.diff(lines.rank[by_line]) < 0) & (np.diff(q[by_line]) == 0)
        by_rank = np.lexsort((lines.rank, q)) if falling.any() else by_line
    wrong: list[NDArray[np.int64]] = []
    for order in (by_rank, by_line):
        same = q[order][1:] == q[order][:-1]
        rising = lines.score[order][1:] > lines.score[order][:-1]
        wrong.append(q[order][1:][same & rising])
    both = np.unique(np.concatenate(wrong)) if len(q) else np.empty(0, np.int64)
    return int((both >= 0).sum())


def _select_distinct(
    path: Path,
    q: NDArray[np.int64],
    d: NDArray[np.int64],
    score: Scores,
    duplicates: Duplicates,
    lines: RunLines,
    numbers: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return which rows to keep so that no query has a document twice, in line order."""
    keys = np.sort(q * (int(d.max(initial=0)) + 1) + d)
    if not (keys[1:] == keys[:-1]).any():
        return np.arange(len(q))
    worst_last = -score if duplicates == "best" else np.arange(len(q))
    order = np.lexsort((worst_last, d, q))
    same = (q[order][1:] == q[order][:-1]) & (d[order][1:] == d[order][:-1])
    repeats = np.flatnonzero(same) + 1
    differing = repeats[lines.score[numbers[order[repeats]]] != lines.score[numbers[order[repeats - 1]]]]
    if len(differing) and duplicates == "refuse":
        first, second = sorted(numbers[order[[differing[0] - 1, differing[0]]]].tolist())
        query, document = lines.get_ids(first)
        raise DataError(
            f"{path}:{lines.get_line_number(first)} and :{lines.get_line_number(second)}: query '{query}' has document"
            f" '{document}' twice with different scores;"
            " expected once, or set duplicates: best or first"
        )
    return np.sort(np.delete(order, repeats))


def write_run(ranking: Ranking, path: str | Path, tag: str = "nirank") -> None:
    """Write a run file, gzipped if its name ends in `.gz`; the same ranking gives the same bytes.

    A name that ends in `.parquet` gives a table of query, document, rank and score, which holds any id.

    Scores are written in the shortest form that reads back as the same float64. Queries without
    results have no lines. Raises StageError for ids that six columns cannot hold: empty ones and those
    with whitespace (a leading U+FEFF included, which reads as a byte order mark).
    """
    path = expand_path(path)
    if not isinstance(ranking, Ranking):
        raise ConfigError(f"{path}: expected a Ranking, got {type(ranking).__name__}; Ranking.from_dict makes one")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}")
    if path.suffix == ".parquet":
        _write_parquet(ranking, path)
        return
    tag = re.sub(r"\s+", "_", tag) or "nirank"
    queries, docs = ranking.queries.take_arrow(ranking.query_rows), ranking.docs.take_arrow(ranking.rows)
    for ids, what in ((queries, "query"), (docs, "document")):
        spaced = pc.match_substring_regex(ids, _UNWRITABLE)
        if pc.any(spaced).as_py():
            first = ids.filter(spaced)[0].as_py()
            why = "contains whitespace" if first else "is empty"
            raise StageError(f"{path.name}: {what} id '{first}' {why}, which a TREC run file cannot hold")
    columns = [
        queries,
        pa.scalar("Q0", pa.large_string()),
        docs,
        pa.array(ranking.ranks).cast(pa.large_string()),
        pa.array(ranking.scores.astype(np.float64)).cast(pa.large_string()),
        pa.scalar(f"{tag}\n", pa.large_string()),
    ]
    lines = pc.binary_join_element_wise(*columns, pa.scalar(" ", pa.large_string()))
    with path.open("wb") as plain, _open_gzip(plain) if path.suffix == ".gz" else nullcontext(plain) as file:
        for chunk in lines.chunks:
            for start in range(0, len(chunk), _WRITTEN_LINES):
                file.write("".join(chunk.slice(start, _WRITTEN_LINES).to_pylist()).encode())


def _write_parquet(ranking: Ranking, path: Path) -> None:
    import pyarrow.parquet as pq

    columns = {
        "query": ranking.queries.take_arrow(ranking.query_rows),
        "document": ranking.docs.take_arrow(ranking.rows),
        "rank": pa.array(ranking.ranks),
        "score": pa.array(ranking.scores.astype(np.float64)),
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def _open_gzip(plain: IO[bytes]) -> gzip.GzipFile:
    """Return a gzip writer whose bytes depend on the content alone; level 1 takes a third of the default's time."""
    return gzip.GzipFile("", "wb", compresslevel=1, fileobj=plain, mtime=0)
