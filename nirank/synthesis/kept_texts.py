"""Written queries as queries of a collection: their texts, and judgements of the documents they are written for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nirank.algebra.node import Job, Node, NodeKind
from nirank.algebra.sides import Sides
from nirank.collections.text_fields import TextFields
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.synthesis.query_table import QueryTable

_OFFERED = TextFields({"text": 1})  # what can be read of written queries


def make_query_sides(written: Node, collection: Sides) -> Sides:
    """Return a collection's documents beside the queries of a table that nothing has dropped.

    Nothing of the collection's own queries is in these sides: no scope, no judgements, no dates.
    """
    inputs = (("table", written), ("docs", collection.docs))
    task = f"{__name__}:list_texts"
    queries = Node(task, 1, {}, inputs, kind="texts", offline=True, stage=_OFFERED, label="texts of written queries")
    return Sides(
        queries,
        collection.docs,
        collection=collection.collection,
        split=collection.split,
        device=collection.device,
        training_sources=collection.training_sources,
    )


def judge_sources(queries: Sides, written: Node) -> Sides:
    """Return written queries as judged ones: relevant is the document that each is written for."""
    return replace(queries, judgements=_compile_sources("list_judgements", "judgements", queries, written))


def pair_sources(queries: Sides, written: Node) -> Node:
    """Return the pairs of written queries and the documents that they are written for."""
    return _compile_sources("list_pairs", "pairs", queries, written)


def _compile_sources(task: str, kind: NodeKind, queries: Sides, written: Node) -> Node:
    inputs = (("queries", queries.queries), ("docs", queries.docs), ("table", written))
    label = "written queries with their documents"
    return Node(f"{__name__}:{task}", 1, {}, inputs, kind=kind, offline=True, label=label)


def list_texts(job: Job) -> Texts:
    """Return the queries that are kept; the second one of document `d` is `d#1`. Their parents are their documents."""
    table, docs = QueryTable.open(job.get_input("table")), job.get_input("docs")
    rows = np.flatnonzero(table.kept)
    sources = np.asarray(table.docs)[rows]
    ids = docs.ids.take(sources)
    numbers = np.asarray(table.numbers)[rows].tolist()
    named = Ids.of(f"{id}#{number}" for id, number in zip(ids, numbers, strict=True))
    return Texts.from_columns(named, [{"text": table.queries[row]} for row in rows.tolist()], sources)


def list_judgements(job: Job) -> Qrels:
    """Return the judgements."""
    queries, docs = job.get_input("queries"), job.get_input("docs")
    return Qrels.build(queries.ids, docs.ids, *_list_sources(job), np.ones(len(queries), np.int64), name="written")


def list_pairs(job: Job) -> Pairs:
    """Return the pairs."""
    return Pairs.build(job.get_input("queries").ids, job.get_input("docs").ids, *_list_sources(job), source="written")


def _list_sources(job: Job) -> tuple[np.ndarray, np.ndarray]:
    table = QueryTable.open(job.get_input("table"))
    sources = np.asarray(table.docs)[table.kept]
    return np.arange(len(sources)), sources
