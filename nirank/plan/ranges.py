"""The tasks of documents in ranges of rows: search each range, and make one list of what was found.

`docs` are one range, `whole` all documents; or `docs` are all, and `rows` their ranges, in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import RANGE, Job
from nirank.base.memory import fit_block_size
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs, choose_row_type
from nirank.flow.ranking import Ranking, select_best_pairs
from nirank.flow.scope import Scope
from nirank.plan.tasks import combine_scopes, count_short_lists, run_retriever

_BLOCK_PAIRS = 1 << 20  # of the lists that are merged at a time,
_A_PAIR = 64  # each of so many bytes while they are sorted

Remarks = Mapping[str, Any]


def search_range(job: Job) -> None:
    """Search one range; what the stage says meanwhile is kept beside the list, to be said once for all ranges."""
    warnings: list[str] = []
    job.context.warn = warnings.append
    ranking = run_retriever(job)[0]
    ranking.save(job.folder)
    remarks = {"counts": job.context.counts, "declared": job.context.declared, "warnings": warnings}
    (job.folder / "remarks.json").write_text(json.dumps(remarks))
    job.context.counts.clear()
    job.context.declared.clear()


def merge(job: Job) -> Ranking:
    """Make one list of the lists of all ranges: each query's best, in standard order."""
    queries, docs = job.get_input("queries").ids, job.get_input("docs").ids
    folders: Sequence[Path] = job.inputs[RANGE]
    parts = [Ranking.open(folder, queries, docs) for folder in folders]
    starts = _find_starts(job.inputs["rows"])
    _repeat_remarks([json.loads((folder / "remarks.json").read_text()) for folder in folders], job)
    counts = np.sum([part.counts for part in parts], axis=0)
    unsorted = Ids(docs.strings)  # of few documents the order of ids is found without that of all
    merged = [
        _merge_queries(parts, starts, first, last, unsorted, job.depth) for first, last in _cut_into_blocks(counts)
    ]
    row_type = choose_row_type(len(docs))
    query_rows, rows, scores = (np.concatenate(column) for column in zip(*merged, strict=True))
    ranking = Ranking(
        queries,
        docs,
        np.searchsorted(query_rows, np.arange(len(queries) + 1)),
        rows.astype(row_type, copy=False),
        scores,
        job.depth if job.depth is not None and job.depth < len(docs) else None,
    )
    count_short_lists(job, ranking, combine_scopes(job))
    return ranking


def take_scope(job: Job) -> Scope:
    """Return what a scope allows in one range."""
    docs: Texts = job.get_input("docs")
    first = _find_first_row(job)
    return combine_scopes(job, docs=job.get_input("whole")).take_doc_range(first, first + len(docs), docs.ids)


def take_list(job: Job) -> Pairs:
    """Return the pairs of a list whose documents lie in one range."""
    listed: Pairs = job.get_input("list")
    docs: Texts = job.get_input("docs")
    first = _find_first_row(job)
    return listed.take_doc_range(first, first + len(docs), docs.ids)


def _find_first_row(job: Job) -> int:
    whole: Texts = job.get_input("whole")
    docs: Texts = job.get_input("docs")
    return whole.ids.find_row(docs.ids[0])


def _find_starts(ranges: Sequence[Texts]) -> NDArray[np.int64]:
    """Return the row of the whole at which each range begins."""
    return np.concatenate(([0], np.cumsum([len(rows) for rows in ranges])))[:-1]


def _cut_into_blocks(counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Cut queries with so many pairs into blocks, each of one query at least."""
    most = fit_block_size(_BLOCK_PAIRS, _A_PAIR)
    ends = np.cumsum(counts)
    blocks: list[tuple[int, int]] = []
    first = 0
    while first < len(counts) or not blocks:
        before = int(ends[first - 1]) if first else 0
        last = min(max(int(np.searchsorted(ends, before + most, side="right")), first + 1), len(counts))
        blocks.append((first, last))
        first = last
    return blocks


def _merge_queries(
    parts: Sequence[Ranking], starts: NDArray[np.int64], first: int, last: int, docs: Ids, k: int | None
) -> tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.floating]]:
    """Return the merged lists of some queries: rows of queries and of documents, and scores."""
    query_rows, rows, scores = [], [], []
    for part, start in zip(parts, starts.tolist(), strict=True):
        some = slice(int(part.offsets[first]), int(part.offsets[last]))
        query_rows.append(np.repeat(np.arange(first, last), part.counts[first:last]))
        rows.append(np.asarray(part.rows[some], np.int64) + start)
        scores.append(np.asarray(part.scores[some]))
    return select_best_pairs(docs, np.concatenate(query_rows), np.concatenate(rows), np.concatenate(scores), k)


def _repeat_remarks(remarks: Sequence[Remarks], job: Job) -> None:
    """Count once what every range counts again: the greatest of all; declare what differs range by range."""
    for name in dict.fromkeys(name for said in remarks for name in said["counts"]):
        job.context.count(name, max(said["counts"].get(name, 0) for said in remarks))
    for name in dict.fromkeys(name for said in remarks for name in said["declared"]):
        values = [said["declared"].get(name) for said in remarks]
        job.context.declare(name, values[0] if all(value == values[0] for value in values) else values)
    for warning in dict.fromkeys(warning for said in remarks for warning in said["warnings"]):
        job.context.warn(warning)
    job.context.declare("ranges", len(remarks))


__all__ = ["merge", "search_range", "take_list", "take_scope"]
