"""Survival: which matches a hashing stage kept, by how alike their records are, beside what theory says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.hashing import HashingStage
from nirank.algebra.node import Node
from nirank.evaluation.pair_measures import are_among, find_records, list_matches, list_pairs
from nirank.experiment.leaves import is_one_table
from nirank.experiment.system_runs import SystemRun
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.plan.execute import Runner
from nirank.results.row import SurvivalBin, SurvivalCurve

_MATCHES = 20_000  # whose likeness is measured, at most; of more, evenly many are left out
_BINS = 20  # of the range of angles, of distances and of similarities
_POINTS = 60  # of a theory's curve
_RANGES = {"Jaccard similarity": 1.0, "angle in degrees": 180.0}  # where values end; other scales have no end


def trace_survival(run: SystemRun, runner: Runner, qrels: Qrels) -> tuple[SurvivalCurve, ...]:
    """Return the curve of every hashing stage on the way to the system's list that pairs whole records."""
    sides = {(role, run.target.get_input(role)) for role in ("queries", "docs")}
    nodes = [
        node
        for node in run.target.walk(lambda node: not node.training)
        if isinstance(node.stage, HashingStage) and node.kind == "pairs" and sides <= set(node.inputs)
    ]
    curves = (_trace_stage(node, runner, qrels, one_table=is_one_table(run.collection)) for node in nodes)
    return tuple(curve for curve in curves if curve is not None)


def _trace_stage(node: Node, runner: Runner, qrels: Qrels, *, one_table: bool) -> SurvivalCurve | None:
    stage = node.stage
    assert isinstance(stage, HashingStage)
    pairs: Pairs = runner.get_value(node)
    at = find_records(qrels, one_table)
    matches = list_matches(qrels, at)
    matches = matches[np.linspace(0, len(matches) - 1, min(_MATCHES, len(matches))).astype(np.int64)]
    if not len(matches):
        return None
    kept = are_among(matches, list_pairs(pairs.query_rows, pairs.rows, len(pairs.docs), at))
    first, second = np.divmod(matches, len(qrels.docs) + 1)
    if at is not None:  # both are rows of the table
        asking = np.full(len(qrels.docs), -1, np.int64)
        asking[at] = np.arange(len(at))
        known = asking[first] >= 0
        first, second, kept = asking[first[known]], second[known], kept[known]
    context = Context(
        queries=runner.get_value(node.get_input("queries")),
        docs=runner.get_value(node.get_input("docs")),
        inputs=tuple(runner.get_value(needed) for role, needed in node.inputs if role == "need"),
        stage=node.label,
    )
    values = stage.measure_likeness(first, second, context)
    end = _RANGES.get(stage.likeness) or (float(values.max(initial=0.0)) or 1.0)
    bins = bin_survival(values, kept, end)
    points = np.linspace(0, end if stage.likeness == "Jaccard similarity" else bins[-1].high, _POINTS)
    theory = stage.find_survival(points)
    return SurvivalCurve(
        node.label,
        stage.likeness,
        () if theory is None else tuple(zip(points.round(6).tolist(), theory.round(6).tolist(), strict=True)),
        bins,
    )


def bin_survival(values: NDArray[np.float64], kept: NDArray[np.bool_], end: float) -> tuple[SurvivalBin, ...]:
    """Return how many matches there are and how many were kept, by stretches of equal width that hold any."""
    edges = np.linspace(0, end, _BINS + 1).round(6)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, _BINS - 1)
    bins = []
    for place in np.unique(places).tolist():
        inside = places == place
        low, high = edges[place : place + 2].tolist()
        bins.append(SurvivalBin(low, high, float(values[inside].mean()), int(inside.sum()), int(kept[inside].sum())))
    return tuple(bins)
