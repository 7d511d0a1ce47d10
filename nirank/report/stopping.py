"""Tables of stopping rules: what each found and cost, and how often what it promises held."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.grid import Cell, Grid
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row
from nirank.stopping.outcomes import RuleOutcome

_HEAD = (
    *("rule", "system", "recall", "least recall", "read", "read to the end"),
    *("promise", "held", "95% interval"),
)
_ASKS = {
    "labels": "",
    "sample": "asks for a random sample that is read beside the ranking and counted in what is read",
    "truth": "knows all labels (an oracle): what could be reached, not what can be",
}


def make_stopping_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return a table for each collection and judgement set; of several seeds only the row of all together counts."""
    groups = group_rows(row for row in rows if row.seed_of is None)
    return [_make_grid(key, group) for key, group in groups.items() if any(row.stopping for row in group)]


def _make_grid(key: JudgedSplit, rows: Sequence[Row]) -> Grid:
    evaluated = [row for row in rows if row.stopping]
    body = []
    for rule in dict.fromkeys(outcome.rule for row in evaluated for outcome in row.stopping):
        for row in evaluated:
            body += [_make_line(row, outcome) for outcome in row.stopping if outcome.rule == rule]
    return Grid(f"Stopping rules: {key.title}", _HEAD, body, _make_notes(rows, evaluated))


def _make_line(row: Row, outcome: RuleOutcome) -> list[Cell]:
    held, interval = "-", "-"
    if outcome.kept is not None and outcome.kept_interval is not None:
        low, high = outcome.kept_interval
        held = f"{outcome.kept:,} of {outcome.reviews:,}"
        interval = f"{low:.1%} to {high:.1%}"
    promise = "-"
    if outcome.promise is not None:
        promise = f"recall ≥ {outcome.promise.recall:.4g} in {100 * outcome.promise.confidence:.4g}%"
    numbers = (
        *(f"{outcome.recall:.4f}", f"{outcome.least_recall:.4f}", f"{outcome.effort:.1%}"),
        *(f"{outcome.unstopped:,} of {outcome.reviews:,}", promise, held, interval),
    )
    return [Cell(outcome.rule), Cell(row.system), *(Cell(number, number=True) for number in numbers)]


def _make_notes(rows: Sequence[Row], evaluated: Sequence[Row]) -> list[str]:
    first = evaluated[0].stopping[0]
    seeds = max(len(row.seeds) for row in evaluated)
    notes = [
        "recall, read: means over the reviews, each of one topic"
        f"{' with one seed' if seeds > 1 else ''}; {first.topics:,} topics"
        + (f", {first.left_out:,} without relevant documents left out" if first.left_out else "")
        + ". read to the end: reviews that the rule did not end before."
    ]
    if any(outcome.promise for row in evaluated for outcome in row.stopping):
        alike = "; reviews of one topic are alike, so that it is narrower than it should be" if seeds > 1 else ""
        notes.append(f"held: reviews with at least the recall that is promised; Clopper and Pearson's interval{alike}.")
    for rule, asks in dict.fromkeys((outcome.rule, outcome.asks) for row in evaluated for outcome in row.stopping):
        if _ASKS[asks]:
            notes.append(f"{rule}: {_ASKS[asks]}.")
    partial = [row.system for row in rows if not row.stopping and row.status == "ok"]
    if partial:
        notes.append(
            f"{', '.join(partial)}: not evaluated, as the lists are no whole orders of the candidates; "
            "the stage complete appends what is left out."
        )
    return notes
