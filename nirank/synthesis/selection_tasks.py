"""The computations of a selection: documents that are long enough, their clusters, and those that are chosen."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Job
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.inference.encoder import read_vectors
from nirank.inference.similarity import Vectors, compute_norms, normalise
from nirank.synthesis.cluster_sampling import draw_pool
from nirank.synthesis.clusters import Clusters, cluster_docs, compute_curve, gather_vectors, halve
from nirank.synthesis.filtered_docs import FilteredDocs, filter_docs
from nirank.synthesis.mmr import choose_by_mmr
from nirank.synthesis.quotas import compute_quotas
from nirank.synthesis.selected_docs import SelectedDocs

log = logging.getLogger("nirank")

_CURVE = "curve.json"


def filter_texts(job: Job) -> FilteredDocs:
    """Leave out documents that are too short, or have the text of an earlier one."""
    view = TextView(job.params.get("text", TITLE_AND_TEXT))
    return filter_docs(job.get_input("texts"), view, job.params["min_characters"])


def find_curve(job: Job) -> None:
    """Cluster into each number of a grid, and choose the one at the knee."""
    _, vectors = _gather(job)
    grid = job.params["grid"]
    curve = compute_curve(vectors, job.context.track(grid, len(grid), "numbers of clusters"))
    (job.folder / _CURVE).write_text(json.dumps(curve, indent=1) + "\n")


def cluster_vectors(job: Job) -> Clusters:
    """Cluster documents by their vectors."""
    rows, vectors = _gather(job)
    curve = next((json.loads((folder / _CURVE).read_text()) for folder in job.inputs.get("curve", ())), None)
    stated: dict[str, Any] = {} if curve is None else {"curve": curve}
    k: int = job.params["clusters"] if curve is None else min(curve["k"], job.params["most"])
    if k > len(rows):
        stated["reason"] = f"{k:,} clusters are more than the {len(rows):,} documents; half as many as these are made"
        k = halve(len(rows))
        log.warning("%s", stated["reason"])
    elif curve is not None:
        stated["reason"] = "knee" if curve["accepted"] else "no knee; where the curve bends most"
        if k < curve["k"]:
            stated["reason"] += f": {curve['k']:,}, more than the documents that are chosen"
    return cluster_docs(rows, vectors, k, stated)


def draw_docs(job: Job) -> SelectedDocs:
    """Draw documents, each as likely as any other; fewer are the first of more."""
    filtered = FilteredDocs.open(job.get_input("filtered"))
    drawn = np.random.default_rng(job.params["seed"]).permutation(filtered.rows)[: job.params["n"]]
    counts = {**filtered.counts, "chosen": len(drawn)}
    return _declare(job, SelectedDocs(drawn, np.full(len(drawn), -1, np.int64), np.empty(0, np.int64), counts))


def take_nearest(job: Job) -> SelectedDocs:
    """Take of each cluster the documents nearest to its centroid."""
    clusters = Clusters.open(job.get_input("clusters"))
    chosen = [
        (cluster, members[np.argsort(-clusters.cosines[members], kind="stable")[:quota]])
        for cluster, members, quota in _iterate_quotas(clusters, job.params["n"])
    ]
    return _collect(job, clusters, chosen)


def draw_from_clusters(job: Job) -> SelectedDocs:
    """Draw documents of each cluster, and choose among them by maximal marginal relevance."""
    clusters = Clusters.open(job.get_input("clusters"))
    vectors, _ = read_vectors(job.get_input("vectors"))
    params = job.params
    chosen = []
    for cluster, members, quota in _iterate_quotas(clusters, params["n"]):
        pool = members[
            draw_pool(clusters.cosines[members], quota, params["temperature"], params["draws"], params["seed"], cluster)
        ]
        candidates = _read_unit_vectors(vectors, clusters.rows[pool])
        (centre,) = _read_unit_vectors(vectors, clusters.seeds[cluster : cluster + 1])
        places, _ = choose_by_mmr(candidates, centre, quota, params["mmr_lambda"])
        chosen.append((cluster, pool[places]))
    return _collect(job, clusters, chosen)


def _gather(job: Job) -> tuple[NDArray[np.int64], Vectors]:
    """Return the documents that can be clustered, and their vectors."""
    filtered = FilteredDocs.open(job.get_input("filtered"))
    vectors, _ = read_vectors(job.get_input("vectors"))
    return gather_vectors(vectors, filtered.rows, job.context.open_scratch_folder())


def _read_unit_vectors(vectors: Vectors, rows: NDArray[np.int64]) -> Vectors:
    block = np.asarray(vectors[rows], np.float32)
    return normalise(block, compute_norms(block))


def _iterate_quotas(clusters: Clusters, n: int) -> Iterator[tuple[int, NDArray[np.int64], int]]:
    """Yield each cluster that gives documents, the places of its documents, and how many it gives."""
    quotas = compute_quotas(clusters.sizes, min(n, len(clusters.rows)))
    members = clusters.list_members()
    for cluster in np.flatnonzero(quotas).tolist():
        yield cluster, members[cluster], int(quotas[cluster])


def _collect(job: Job, clusters: Clusters, chosen: list[tuple[int, NDArray[np.int64]]]) -> SelectedDocs:
    """Return what was chosen of each cluster as one value, with what was left out before."""
    filtered = FilteredDocs.open(job.get_input("filtered"))
    rows = clusters.rows[np.concatenate([places for _, places in chosen])]
    numbers = np.repeat([cluster for cluster, _ in chosen], [len(places) for _, places in chosen]).astype(np.int64)
    counts = {
        **filtered.counts,
        "without a vector": len(filtered.rows) - len(clusters.rows),
        "chosen": len(rows),
    }
    return _declare(job, SelectedDocs(rows, numbers, clusters.sizes, counts, clusters.stated))


def _declare(job: Job, selected: SelectedDocs) -> SelectedDocs:
    """State what was chosen from what, for the row."""
    job.context.declare("selection", {**selected.counts, **selected.stated})
    return selected


__all__ = ["cluster_vectors", "draw_docs", "draw_from_clusters", "filter_texts", "find_curve", "take_nearest"]
