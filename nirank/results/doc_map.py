"""A map of documents in the plane: those that were chosen among the others, and evaluated queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node
from nirank.algebra.sides import WrittenData
from nirank.inference.encoder import read_vectors
from nirank.plan.execute import Runner
from nirank.results.row_training import DocMap
from nirank.synthesis.clusters import Clusters
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.selected_docs import SelectedDocs

POINTS = 600  # of each kind that are drawn
_GROUPS = 8  # into which clusters are put in turn
_FITTED = 4000  # documents that the plane is laid through
_VECTORS = "nirank.stages.dense:encode_texts"

Points = NDArray[np.float64]


def draw_doc_map(
    selection: Node, selected: SelectedDocs, table: QueryTable, data: WrittenData, runner: Runner
) -> DocMap | None:
    """Return the map by the vectors that the selection clustered; None where it read none.

    The plane is that of the first two principal components of the documents' vectors.
    """
    vectors_node = next((node for role, node in selection.inputs if role == "vectors"), None)
    if vectors_node is None or len(selected) < 3:
        return None
    vectors, _ = read_vectors(runner.get_value(vectors_node))
    sample = np.asarray(vectors[_thin(np.arange(len(vectors)), _FITTED)], np.float64)
    sample = sample[np.isfinite(sample).all(1)]
    mean = sample.mean(axis=0)
    _, lengths, axes = np.linalg.svd(sample - mean, full_matrices=False)
    variances = lengths**2
    if not variances[:2].sum() > 0 or len(axes) < 2:
        return None
    axes = axes[:2] * np.sign(axes[:2][np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]  # not the library's

    def project(points: NDArray[np.float32]) -> Points:
        flat: Points = (np.asarray(points, np.float64) - mean) @ axes.T
        return flat[np.isfinite(flat).all(1)]

    is_kept = np.isin(selected.rows, np.asarray(table.docs)[table.kept])
    clusters = Clusters.open(runner.get_value(selection.get_input("clusters")))
    drawn = _thin(np.arange(len(clusters.rows)), POINTS)
    groups = [project(vectors[clusters.rows[drawn[clusters.assigned[drawn] % _GROUPS == at]]]) for at in range(_GROUPS)]
    groups += [
        project(vectors[_thin(selected.rows[~is_kept], POINTS)]),
        project(vectors[_thin(selected.rows[is_kept], POINTS)]),
    ]
    queries = _find_query_vectors(vectors_node, data, runner)
    groups.append(np.empty((0, 2)) if queries is None else project(queries[_thin(np.arange(len(queries)), POINTS)]))
    all_docs = np.concatenate(groups[:_GROUPS])
    low, high = all_docs.min(axis=0), all_docs.max(axis=0)
    span = np.maximum(high - low, 1e-9)
    *docs, without, chosen, asked = (_format_points(np.clip((points - low) / span, 0, 1)) for points in groups)
    share = round(float(variances[:2].sum() / variances.sum()), 4)
    return DocMap(tuple(filter(None, docs)), without, chosen, asked, share)


def _find_query_vectors(vectors: Node, data: WrittenData, runner: Runner) -> NDArray[np.float32] | None:
    """Return the vectors of evaluated queries by the same model, where the run has them."""
    evaluated = {node.address for node in data.evaluated}
    for node in runner.list_planned():
        is_of_queries = node.task == _VECTORS and node.get_input("texts").address in evaluated
        if is_of_queries and node.params.get("model") == vectors.params.get("model"):
            return read_vectors(runner.get_value(node))[0]
    return None


def _thin(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return at most n of some rows, evenly spaced."""
    return rows if len(rows) <= n else rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]


def _format_points(points: Points) -> str:
    """Return points in the unit square as text, in thousandths, the second axis upwards: '120,880 …'."""
    thousandths: Sequence[Sequence[int]] = np.rint(1000 * points).astype(int).tolist()
    return " ".join(f"{x},{1000 - y}" for x, y in thousandths)
