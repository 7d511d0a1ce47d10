"""Filtering: a filter is applied to a table of written queries, and says why it drops what it drops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.synthesis.filters.base import Filter, KeptQueries
from nirank.synthesis.kept_texts import make_query_sides
from nirank.synthesis.query_table import QueryTable


def compile_filter(query_filter: Filter, written: Node, collection: Sides) -> Node:
    """Return the computation that applies a filter; it gives a `QueryTable` like the one that it reads."""
    queries = make_query_sides(written, collection)
    inputs = (("written", written), ("docs", collection.docs), *query_filter.plan_inputs(queries, written))
    params = {
        "filter": query_filter.name,
        "version": query_filter.version,
        "options": dict(query_filter.describe_identity()),
    }
    label = f"filter of written queries: {query_filter.title}"
    return Node(f"{__name__}:apply_filter", 1, params, inputs, offline=True, stage=query_filter, label=label)


def apply_filter(job: Job) -> None:
    """Drop what the filter does not keep."""
    query_filter: Filter = job.stage
    table, docs = QueryTable.open(job.get_input("written")), job.get_input("docs")
    queries = KeptQueries.of(table)
    verdict = query_filter.judge(queries, docs, job.inputs)
    title = _find_free_name(query_filter.title, table.counts)
    if verdict.scores is not None:
        scores = np.full(len(table), np.nan, np.float32)
        scores[queries.rows] = verdict.scores
        table = replace(table, scores={**table.scores, title: scores})
    dropped = np.zeros(len(table), np.bool_)
    dropped[queries.rows[~verdict.keep]] = True
    counts = {"in": len(queries), "out": int(verdict.keep.sum())}
    table = replace(table.drop(dropped, f"filter: {title}"), counts={**table.counts, title: counts["out"]})
    table.save(job.folder)
    job.context.declare("filter", counts)


def _find_free_name(name: str, taken: Mapping[str, int]) -> str:
    """Return a name, numbered where a filter before has the same."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
