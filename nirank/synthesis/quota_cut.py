"""Cutting back: what filters left of too many documents becomes the number that was asked for, by the quotas again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Job, Node
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.quotas import compute_quotas
from nirank.synthesis.selected_docs import SelectedDocs

_REASON = "more than the quota"


def compile_quota_cut(written: Node, selected: Node, n: int) -> Node:
    """Return the computation that keeps n documents, of each cluster those first that were chosen first."""
    inputs = (("written", written), ("selected", selected))
    label = f"written queries of {n:,} documents by quota"
    return Node(f"{__name__}:cut_to_quotas", 1, {"n": n}, inputs, offline=True, label=label)


def cut_to_quotas(job: Job) -> None:
    """Drop the queries of documents that are more than the quotas."""
    table, selected = QueryTable.open(job.get_input("written")), SelectedDocs.open(job.get_input("selected"))
    kept_docs = choose_by_quota(np.unique(np.asarray(table.docs)[table.kept]), selected, job.params["n"])
    before = int(table.kept.sum())
    table = table.drop(~np.isin(table.docs, kept_docs), _REASON)
    table.save(job.folder)
    job.context.declare("filter", {"in": before, "out": int(table.kept.sum())})


def choose_by_quota(docs: NDArray[np.int64], selected: SelectedDocs, n: int) -> NDArray[np.int64]:
    """Return n of some selected documents: of each cluster its quota, those first that were chosen first.

    The quotas are those of n documents by the sizes of the clusters; where a cluster has fewer, others have more.
    """
    is_left = np.isin(selected.rows, docs)
    rows, clusters = selected.rows[is_left], selected.clusters[is_left]
    if not len(selected.sizes):
        return rows[:n]
    quotas = compute_quotas(selected.sizes, n, np.bincount(clusters, minlength=len(selected.sizes)))
    order = np.argsort(clusters, kind="stable")
    starts = np.searchsorted(clusters[order], np.arange(len(selected.sizes)))
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - starts[clusters[order]]
    chosen: NDArray[np.int64] = rows[place < quotas[clusters]]
    return chosen
