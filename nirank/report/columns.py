"""The columns of leaderboards: which ones rows need, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nirank.evaluation.measures import lower_is_better
from nirank.report.grid import format_value
from nirank.results.row import Row

TWINS = "(equal texts share labels)"  # ends the heading of such a column


def find_best(rows: Sequence[Row], shown: Sequence[str]) -> dict[tuple[str, Any], float]:
    """Return {(measure, zero-shot answer): best value, as printed} where two systems or more have the answer."""
    best_values: dict[tuple[str, Any], float] = {}
    for measure in shown:
        best = min if lower_is_better(measure) else max
        for answer in {row.zero_shot for row in rows}:
            alike = [row for row in rows if row.zero_shot == answer]
            values = [round_as_printed(row, measure) for row in alike if row.measures.get(measure) is not None]
            if len(alike) > 1 and values:
                best_values[measure, answer] = best(values)
    return best_values


def list_extra_columns(rows: Sequence[Row], shown: Sequence[str]) -> dict[str, Callable[[Row], str]]:
    """Return the columns that only some tables need, by heading: how to read them off a row."""
    columns: dict[str, Callable[[Row], str]] = {}
    twins = next((name for name in shown if any(name in row.twins for row in rows)), None)
    if twins is not None:
        columns[f"{twins} {TWINS}"] = lambda row: show_value(twins, row.twins.get(twins))
    ranked = next((name for name in shown if any(name in row.average_rank for row in rows)), None)
    if ranked is not None:
        columns[f"{ranked} (average rank)"] = lambda row: f"{row.average_rank[ranked]:.2f}" if row.average_rank else "-"
    if shown and any(row.new_documents for row in rows):
        columns[f"{shown[0]} (new documents)"] = partial(_format_new_documents, shown[0])
    if shown and any("yes" in row.zero_shot_means for row in rows):
        columns[f"{shown[0]} (zero-shot collections)"] = partial(_format_zero_shot_mean, shown[0])
    if any(row.zero_shot not in (None, "yes") for row in rows):
        columns["zero-shot"] = lambda row: row.zero_shot or "-"
    return columns


def show_value(measure: str, value: float | None) -> str:
    """Return a value as tables print it; `-` where there is none."""
    return "-" if value is None else format_value(measure, value)


def _format_new_documents(measure: str, row: Row) -> str:
    """Return the mean over the queries whose relevant documents training knows nothing of."""
    return _format_number(row.new_documents.measures.get(measure) if row.new_documents else None)


def _format_zero_shot_mean(measure: str, row: Row) -> str:
    """Return a group's mean over the collections that are zero-shot for the system."""
    clean = row.measures if row.zero_shot == "yes" else row.zero_shot_means.get("yes", {})
    return _format_number(clean.get(measure))


def warn_of_test_data(row: Row) -> str:
    """Return what nobody may overlook behind a system's name."""
    uses = [use for use, seen in (("trained", row.trained_on_test), ("tuned", row.tuned_on_test)) if seen]
    what = "pairs" if row.unit == "pair" else "queries"
    return f" ({' and '.join(uses)} on test {what})" if uses else ""


def format_spread(row: Row, measure: str) -> str:
    """Return the standard deviation over seeds."""
    spread = row.spread.get(measure)
    return "" if spread is None else f" ± {format_value(measure, spread.sd)}"


def format_mark(row: Row, measure: str, n_rows: int) -> str:
    """Return what stands behind a value: ▲ or ▼ where it differs from the baseline's; without a baseline, letters."""
    if row.baseline:
        comparison = row.differences.get(measure)
        if (
            comparison is None
            or comparison.p_baseline is None
            or row.alpha is None
            or comparison.p_baseline >= row.alpha
        ):
            return ""
        return " ▲" if (comparison.difference > 0) != lower_is_better(measure) else " ▼"
    letters = row.groups.get(measure, "")
    return f" {letters}" if n_rows > 1 and letters else ""


def _format_number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def round_as_printed(row: Row, measure: str) -> float:
    """Return a value with the digits that are printed, by which values are the best together."""
    return float(format_value(measure, row.measures[measure] or 0.0).replace(",", ""))


def list_fact_columns(rows: Sequence[Row], shown: Sequence[str]) -> dict[str, Callable[[Row], str]]:
    """Return the columns that say how a result came about, by heading; those of models where there are models."""
    of_pairs = any(row.unit == "pair" for row in rows)
    columns: dict[str, Callable[[Row], str]] = {
        "records" if of_pairs else "queries": _format_queries,
        **(_PAIR_FACTS if any(row.pairs for row in rows) else {}),
        "depth": _format_depth,
        "ms/record" if of_pairs else "ms/query": lambda row: _format_seconds(row, row.cost.ms_per_query, 2),
        "index s": lambda row: _format_seconds(row, row.cost.index_s, 1),
    }
    if any(row.cost.training_s is not None for row in rows):
        columns["training s"] = lambda row: _format_seconds(row, row.cost.training_s, 1)
    if any(row.cost.parameters or row.cost.device_s for row in rows):
        columns["parameters"] = _format_parameters
        columns["device s"] = lambda row: _format_seconds(row, row.cost.device_s, 1)
        columns["device"] = lambda row: ", ".join(row.cost.devices) or "-"
    if "candidates" in shown:
        columns.pop(_PER_RECORD, None)  # the same number
    return columns


def _format_queries(row: Row) -> str:
    """Return how many queries are evaluated, or how many records ask."""
    return f"{row.queries.declared if row.unit == 'pair' else row.queries.judged:,}"


def _format_per_record(row: Row) -> str:
    """Return how many candidates a query record has, the mean over all of them."""
    return f"{row.pairs.per_record:,.2f}" if row.pairs else "-"


def _format_kept(row: Row) -> str:
    """Return how many of the matches are among the candidates."""
    return f"{row.pairs.kept:,.0f} of {row.pairs.matches:,.0f}" if row.pairs and row.pairs.matches else "-"


_PER_RECORD = "candidates a record"
_PAIR_FACTS: dict[str, Callable[[Row], str]] = {_PER_RECORD: _format_per_record, "matches kept": _format_kept}


def _format_depth(row: Row) -> str:
    """Return how deep lists are certain, and where they go on below that, how far: those of fusions do."""
    if row.pairs and not row.pairs.ordered:
        return "pairs"
    if row.depth is None:
        return "all"
    longer = row.longest_list is not None and row.longest_list > row.depth
    return f"{row.depth:,} of {row.longest_list:,}" if longer else f"{row.depth:,}"


def _format_seconds(row: Row, value: float | None, decimals: int) -> str:
    """Return a time of a row's, marked where it was measured before."""
    stored = "*" if row.cost.measured in ("stored", "mixed") else ""
    return "-" if value is None else f"{value:.{decimals}f}{stored}"


def _format_parameters(row: Row) -> str:
    """Return how many parameters a system's models have, as people say it: 22.7M."""
    n = row.cost.parameters
    if n is None:
        return "-"
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.1f}{unit}"
    return str(n)
