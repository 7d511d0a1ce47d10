"""Rows as leaderboards: which columns a table has, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from nirank.evaluation.measures import lower_is_better
from nirank.report.grid import Cell, Grid, Row, aligned, marked_down, shown_as
from nirank.report.notes import footnotes, shared_notes


def grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table for each collection and judgement set, in the rows' order."""
    groups: dict[tuple[str, str | None, str | None], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["collection"], row["split"], row["qrels"]), []).append(row)
    several = len({(name, split) for name, split, _ in groups}) < len(groups)
    return [_grid(key, group, measures, several) for key, group in groups.items()]


def _grid(key: tuple[str, str | None, str | None], rows: Sequence[Row], measures: Sequence[str], several: bool) -> Grid:
    name, split, qrels = key
    title = name + (f"/{split}" if split else "") + (f" ({qrels})" if several and qrels else "")
    shown = [measure for measure in measures if any(measure in row["measures"] for row in rows)]
    best = _best([row for row in rows if row.get("of") is None], shown)
    notes = shared_notes(rows, shown)
    more, facts = _more(rows, shown), _facts(rows)
    body = []
    lacking: dict[tuple[str, bool, str], list[str]] = {}
    for row in rows:
        cells = [Cell(row["system"] + _warned(row))]
        for measure in shown:
            value = row["measures"].get(measure)
            if value is None:
                reason = row["nulls"].get(measure) or row.get("error") or "not computed"
                lacking.setdefault((row["system"], row["status"] == "ok", reason), []).append(measure)
                cells.append(Cell("-", number=True))
            else:
                top = row.get("of") is None and _rounded(row, measure) == best.get((measure, row.get("zero_shot")))
                cells.append(
                    Cell(
                        _value(row, measure, len(rows)),
                        number=True,
                        best=top,
                    )
                )
        cells += [Cell(read(row), number=True) for read in more.values()]
        cells += [Cell(read(row) if row["status"] == "ok" else "-", number=True, fact=True) for read in facts.values()]
        body.append(cells)
    for (system, ok, reason), of in lacking.items():
        notes.append(f"{system}, {', '.join(of)}: {reason}" if ok else f"{system} failed: {reason}")
    return Grid(title, ["system", *shown, *more, *facts], body, notes)


def _best(rows: Sequence[Row], shown: Sequence[str]) -> dict[tuple[str, Any], float]:
    """Return {(measure, zero-shot answer): best value, as printed} where two systems or more have the answer."""
    found: dict[tuple[str, Any], float] = {}
    for measure in shown:
        best = min if lower_is_better(measure) else max
        for answer in {row.get("zero_shot") for row in rows}:
            alike = [row for row in rows if row.get("zero_shot") == answer]
            values = [_rounded(row, measure) for row in alike if row["measures"].get(measure) is not None]
            if len(alike) > 1 and values:
                found[measure, answer] = best(values)
    return found


def _more(rows: Sequence[Row], shown: Sequence[str]) -> dict[str, Callable[[Row], str]]:
    """Return the columns that only some tables need, by heading: how to read them off a row."""
    found: dict[str, Callable[[Row], str]] = {}
    for what, key in (("twins share labels", "twins"), ("average rank", "average_rank")):
        measure = next((one for one in shown if any(one in row.get(key, {}) for row in rows)), None)
        if measure is not None:
            found[f"{measure} ({what})"] = partial(_number_of, key, measure)
    if shown and any(row.get("unseen") for row in rows):
        found[f"{shown[0]} (new documents)"] = partial(_on_new_documents, shown[0])
    if shown and any("yes" in row.get("by_zero_shot", {}) for row in rows):
        found[f"{shown[0]} (zero-shot collections)"] = partial(_zero_shot_mean, shown[0])
    if any(row.get("zero_shot") not in (None, "yes") for row in rows):
        found["zero-shot"] = lambda row: row.get("zero_shot") or "-"
    return found


def _number_of(key: str, measure: str, row: Row) -> str:
    value = row.get(key, {}).get(measure)
    return "-" if value is None else f"{value:.2f}" if key == "average_rank" else shown_as(measure, value)


def _on_new_documents(measure: str, row: Row) -> str:
    """Return the mean over the queries whose relevant documents training knows nothing of."""
    return _number(row.get("unseen", {}).get("measures", {}).get(measure))


def _zero_shot_mean(measure: str, row: Row) -> str:
    """Return a group's mean over the collections that are zero-shot for the system."""
    clean = row["measures"] if row.get("zero_shot") == "yes" else row.get("by_zero_shot", {}).get("yes", {})
    return _number(clean.get(measure))


def _warned(row: Row) -> str:
    """Return what nobody may overlook behind a system's name."""
    found = [what for what in ("trained", "tuned") if row.get(f"{what}_on_test")]
    return f" ({' and '.join(found)} on what is evaluated)" if found else ""


def _value(row: Row, measure: str, n_rows: int) -> str:
    """Return a value as a cell has it: over seeds with its spread, and with what tests say of it."""
    return f"{shown_as(measure, row['measures'][measure])}{_spread(row, measure)}{_mark(row, measure, n_rows)}"


def _spread(row: Row, measure: str) -> str:
    """Return the standard deviation over seeds."""
    spread = row.get("spread", {}).get(measure)
    return "" if spread is None else f" ± {shown_as(measure, spread['sd'])}"


def _mark(row: Row, measure: str, n_rows: int) -> str:
    """Return what stands behind a value: ▲ or ▼ where it differs from the baseline's; without a baseline, letters."""
    if row.get("baseline"):
        against = row.get("against", {}).get(measure)
        if against is None or against["p_baseline"] >= row["alpha"]:
            return ""
        return " ▲" if (against["difference"] > 0) != lower_is_better(measure) else " ▼"
    letters = row.get("groups", {}).get(measure, "")
    return f" {letters}" if n_rows > 1 and letters else ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _rounded(row: Row, measure: str) -> float:
    return float(shown_as(measure, row["measures"][measure]).replace(",", ""))


def _facts(rows: Sequence[Row]) -> dict[str, Callable[[Row], str]]:
    """Return the columns that say how a result came about, by heading; those of models where there are models."""
    found: dict[str, Callable[[Row], str]] = {
        "queries": lambda row: f"{row['queries']['judged']:,}",
        **(_PAIR_FACTS if any(row.get("pairs") for row in rows) else {}),
        "depth": _depth,
        "ms/query": partial(_seconds, "ms_per_query", 2),
        "index s": partial(_seconds, "index_s", 1),
    }
    costs = [row["cost"] for row in rows]
    if any(cost.get("training_s") is not None for cost in costs):
        found["training s"] = partial(_seconds, "training_s", 1)
    if any(cost.get("parameters") or cost.get("device_s") for cost in costs):
        found["parameters"] = _parameters
        found["device s"] = partial(_seconds, "device_s", 1)
        found["device"] = lambda row: ", ".join(row["cost"].get("devices", ())) or "-"
    return found


def _per_record(row: Row) -> str:
    """Return how many candidates a query record has, the mean over all of them."""
    return f"{row['pairs']['per_record']:,.2f}" if row.get("pairs") else "-"


def _kept(row: Row) -> str:
    """Return how many of the matches are among the candidates."""
    pairs = row.get("pairs")
    return f"{pairs['kept']:,.0f} of {pairs['matches']:,.0f}" if pairs and pairs["matches"] else "-"


_PAIR_FACTS: dict[str, Callable[[Row], str]] = {"candidates a record": _per_record, "matches kept": _kept}


def _depth(row: Row) -> str:
    """Return how deep lists are certain, and where they go on below that, how far: those of fusions do."""
    depth, longest = row["depth"], row.get("longest")
    if row.get("pairs") and not row["pairs"]["ordered"]:
        return "pairs"
    if depth is None:
        return "whole"
    return f"{depth:,}" if longest is None or longest <= depth else f"{depth:,} of {longest:,}"


def _seconds(key: str, decimals: int, row: Row) -> str:
    """Return a time of a row's, marked where it was measured before."""
    value = row["cost"].get(key)
    stored = "*" if row["cost"].get("measured") in ("stored", "mixed") else ""
    return "-" if value is None else f"{value:.{decimals}f}{stored}"


def _parameters(row: Row) -> str:
    """Return how many parameters a system's models have, as people say it: 22.7M."""
    n = row["cost"].get("parameters")
    if n is None:
        return "-"
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.1f}{unit}"
    return str(n)


def text_table(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Return the leaderboard as aligned text."""
    return "\n\n".join([*map(aligned, grids(rows, measures)), "\n".join(footnotes(rows))])


def markdown(rows: Sequence[Row], measures: Sequence[str], details: Sequence[Grid] = ()) -> str:
    """Return the leaderboard as Markdown, with more tables behind it."""
    tables = map(marked_down, (*grids(rows, measures), *details))
    return "\n\n".join(["# Leaderboard", *tables, "\n".join(f"- {note}" for note in footnotes(rows))]) + "\n"
