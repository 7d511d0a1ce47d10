"""Rows as leaderboards: which columns a table has, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nirank.evaluation.measures import lower_is_better
from nirank.report.grid import Cell, Grid, format_markdown_grid, format_value
from nirank.report.notes import list_footnotes, list_table_notes
from nirank.report.text import align_grid, wrap_note
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row


def make_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table for each collection and judgement set, in the rows' order."""
    groups = group_rows(rows)
    several = len({(name, split) for name, split, _ in groups}) < len(groups)
    return [_make_grid(key, group, measures, several) for key, group in groups.items()]


def _make_grid(key: JudgedSplit, rows: Sequence[Row], measures: Sequence[str], several: bool) -> Grid:
    name, split, qrels = key
    title = name + (f"/{split}" if split else "") + (f" ({qrels})" if several and qrels else "")
    shown = [measure for measure in measures if any(measure in row.measures for row in rows)]
    best = _find_best([row for row in rows if row.seed_of is None], shown)
    notes = list_table_notes(rows, shown)
    more, facts = _list_extra_columns(rows, shown), _list_fact_columns(rows)
    if "candidates" in shown:
        facts.pop(_PER_RECORD, None)  # the same number
    body = []
    lacking: dict[tuple[str, bool, str], list[str]] = {}
    for row in rows:
        cells = [Cell(row.system + _warn_of_test_data(row))]
        for measure in shown:
            value = row.measures.get(measure)
            if value is None:
                reason = row.nulls.get(measure) or row.error or "not computed"
                lacking.setdefault((row.system, row.status == "ok", reason), []).append(measure)
                cells.append(Cell("-", number=True))
            else:
                top = row.seed_of is None and _round_as_printed(row, measure) == best.get((measure, row.zero_shot))
                cells.append(
                    Cell(
                        _format_cell(row, measure, len(rows)),
                        number=True,
                        best=top,
                    )
                )
        cells += [Cell(read(row), number=True) for read in more.values()]
        cells += [Cell(read(row) if row.status == "ok" else "-", number=True, fact=True) for read in facts.values()]
        body.append(cells)
    for (system, ok, reason), of in lacking.items():
        notes.append(f"{system}, {', '.join(of)}: {reason}" if ok else f"{system} failed: {reason}")
    return Grid(title, ["system", *shown, *more, *facts], body, notes)


def _find_best(rows: Sequence[Row], shown: Sequence[str]) -> dict[tuple[str, Any], float]:
    """Return {(measure, zero-shot answer): best value, as printed} where two systems or more have the answer."""
    best_values: dict[tuple[str, Any], float] = {}
    for measure in shown:
        best = min if lower_is_better(measure) else max
        for answer in {row.zero_shot for row in rows}:
            alike = [row for row in rows if row.zero_shot == answer]
            values = [_round_as_printed(row, measure) for row in alike if row.measures.get(measure) is not None]
            if len(alike) > 1 and values:
                best_values[measure, answer] = best(values)
    return best_values


def _list_extra_columns(rows: Sequence[Row], shown: Sequence[str]) -> dict[str, Callable[[Row], str]]:
    """Return the columns that only some tables need, by heading: how to read them off a row."""
    columns: dict[str, Callable[[Row], str]] = {}
    twins = next((name for name in shown if any(name in row.twins for row in rows)), None)
    if twins is not None:
        columns[f"{twins} (equal texts share labels)"] = lambda row: _show(twins, row.twins.get(twins))
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


def _show(measure: str, value: float | None) -> str:
    return "-" if value is None else format_value(measure, value)


def _format_new_documents(measure: str, row: Row) -> str:
    """Return the mean over the queries whose relevant documents training knows nothing of."""
    return _format_number(row.new_documents.measures.get(measure) if row.new_documents else None)


def _format_zero_shot_mean(measure: str, row: Row) -> str:
    """Return a group's mean over the collections that are zero-shot for the system."""
    clean = row.measures if row.zero_shot == "yes" else row.zero_shot_means.get("yes", {})
    return _format_number(clean.get(measure))


def _warn_of_test_data(row: Row) -> str:
    """Return what nobody may overlook behind a system's name."""
    uses = [use for use, seen in (("trained", row.trained_on_test), ("tuned", row.tuned_on_test)) if seen]
    what = "pairs" if row.unit == "pair" else "queries"
    return f" ({' and '.join(uses)} on test {what})" if uses else ""


def _format_cell(row: Row, measure: str, n_rows: int) -> str:
    """Return a value as a cell has it: over seeds with its spread, and with what tests say of it."""
    return f"{_show(measure, row.measures[measure])}{_format_spread(row, measure)}{_format_mark(row, measure, n_rows)}"


def _format_spread(row: Row, measure: str) -> str:
    """Return the standard deviation over seeds."""
    spread = row.spread.get(measure)
    return "" if spread is None else f" ± {format_value(measure, spread.sd)}"


def _format_mark(row: Row, measure: str, n_rows: int) -> str:
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


def _round_as_printed(row: Row, measure: str) -> float:
    return float(format_value(measure, row.measures[measure] or 0.0).replace(",", ""))


def _list_fact_columns(rows: Sequence[Row]) -> dict[str, Callable[[Row], str]]:
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


def format_text(rows: Sequence[Row], measures: Sequence[str], details: Sequence[Grid] = ()) -> str:
    """Return the leaderboard as aligned text, with more tables behind it."""
    tables = map(align_grid, (*make_grids(rows, measures), *details))
    return "\n\n".join([*tables, "\n".join(map(wrap_note, list_footnotes(rows)))])


def format_markdown(rows: Sequence[Row], measures: Sequence[str], details: Sequence[Grid] = ()) -> str:
    """Return the leaderboard as Markdown, with more tables behind it."""
    tables = map(format_markdown_grid, (*make_grids(rows, measures), *details))
    return "\n\n".join(["# Leaderboard", *tables, "\n".join(f"- {note}" for note in list_footnotes(rows))]) + "\n"
