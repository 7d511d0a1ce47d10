"""Written queries as queries of a collection: their texts, and judgements of the documents they are written for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nirank.algebra.node import Job, Node, NodeKind
from nirank.algebra.sides import Sides
from nirank.collections.text_fields import TextFields
from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.inference.encoder import read_vectors
from nirank.synthesis.clusters import Clusters
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.spared_docs import find_nearest_in_clusters

SOURCE = 2  # grade of the document that a query is written for
_OFFERED = TextFields({"text": 1})  # what can be read of written queries


def make_query_sides(written: Node, collection: Sides) -> Sides:
    """Return a collection's documents beside the queries of a table that nothing has dropped.

    Nothing of the collection's own queries is in these sides: no scope, no judgements, no dates.
    """
    inputs = (("written", written), ("docs", collection.docs))
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


def judge_sources(queries: Sides, written: Node, spare: int = 0, selected: Node | None = None) -> Sides:
    """Return written queries as judged ones: the document that each is written for has grade `SOURCE`.

    spare     of the documents in its cluster so many, the nearest to it, have grade 1: nobody knows them to be wrong
    selected  the computation that chose documents by clusters, where some are spared
    """
    more: tuple[tuple[str, Node], ...] = ()
    params: dict[str, Any] = {}
    if spare and selected is not None:
        params = {"spare": spare}
        more = tuple((role, node) for role, node in selected.inputs if role in ("vectors", "clusters"))
    judgements = _compile_sources("list_judgements", "judgements", queries, written, params, more)
    return replace(queries, judgements=judgements)


def pair_sources(queries: Sides, written: Node) -> Node:
    """Return the pairs of written queries and the documents that they are written for."""
    return _compile_sources("list_pairs", "pairs", queries, written)


def _compile_sources(
    task: str,
    kind: NodeKind,
    queries: Sides,
    written: Node,
    params: Mapping[str, Any] | None = None,
    more: tuple[tuple[str, Node], ...] = (),
) -> Node:
    inputs = (("queries", queries.queries), ("docs", queries.docs), ("written", written), *more)
    label = "written queries with their documents"
    return Node(f"{__name__}:{task}", 1, params or {}, inputs, kind=kind, offline=True, label=label)


def list_texts(job: Job) -> Texts:
    """Return the queries that are kept; the second one of document `d` is `d#1`. Their parents are their documents."""
    table, docs = QueryTable.open(job.get_input("written")), job.get_input("docs")
    rows = np.flatnonzero(table.kept)
    if not len(rows):
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in Counter(table.reasons).most_common())
        raise DataError(f"no written query is left ({reasons or 'no document was chosen'})")
    sources = np.asarray(table.docs)[rows]
    ids = docs.ids.take(sources)
    numbers = np.asarray(table.numbers)[rows].tolist()
    named = Ids.of(f"{id}#{number}" for id, number in zip(ids, numbers, strict=True))
    return Texts.from_columns(named, [{"text": table.queries[row]} for row in rows.tolist()], sources)


def list_judgements(job: Job) -> Qrels:
    """Return the judgements."""
    queries, docs = job.get_input("queries"), job.get_input("docs")
    q, d = _list_sources(job)
    grades = np.full(len(q), SOURCE)
    if spare := job.params.get("spare"):
        vectors, _ = read_vectors(job.get_input("vectors"))
        sources, at = np.unique(d, return_inverse=True)
        nearest = find_nearest_in_clusters(vectors, Clusters.open(job.get_input("clusters")), sources, spare)
        spared = [nearest[place] for place in at.tolist()]
        q = np.concatenate((q, np.repeat(np.arange(len(spared)), [len(rows) for rows in spared])))
        d = np.concatenate((d, *spared))
        grades = np.concatenate((grades, np.ones(len(d) - len(grades), np.int64)))
        job.context.declare("spared documents", int((grades < SOURCE).sum()))
    return Qrels.build(queries.ids, docs.ids, q, d, grades, name="written")


def list_pairs(job: Job) -> Pairs:
    """Return the pairs."""
    return Pairs.build(job.get_input("queries").ids, job.get_input("docs").ids, *_list_sources(job), source="written")


def _list_sources(job: Job) -> tuple[np.ndarray, np.ndarray]:
    table = QueryTable.open(job.get_input("written"))
    sources = np.asarray(table.docs)[table.kept]
    return np.arange(len(sources)), sources
