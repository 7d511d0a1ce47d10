"""What is set apart in a table: the best values, and what tests say of each value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from nirank.evaluation.measures import lower_is_better
from nirank.report.grid import format_value
from nirank.results.row import Row

Outcome = Literal["better", "worse"]


def find_best(rows: Sequence[Row], measures: Sequence[str]) -> Callable[[Row, str], bool]:
    """Return what tells whether a row has the best value of a measure, as printed, among rows that are as zero-shot.

    Where only one row has an answer to that, none of it is best; single seeds never are.
    """
    systems = [row for row in rows if row.seed_of is None]
    best_values: dict[tuple[str, str | None], float] = {}
    for measure in measures:
        best = min if lower_is_better(measure) else max
        for answer in {row.zero_shot for row in systems}:
            alike = [row for row in systems if row.zero_shot == answer]
            values = [_round_as_printed(row, measure) for row in alike if row.measures.get(measure) is not None]
            if len(alike) > 1 and values:
                best_values[measure, answer] = best(values)

    def is_best(row: Row, measure: str) -> bool:
        known = row.seed_of is None and row.measures.get(measure) is not None
        return known and _round_as_printed(row, measure) == best_values.get((measure, row.zero_shot))

    return is_best


def _round_as_printed(row: Row, measure: str) -> float:
    return float(format_value(measure, row.measures[measure] or 0.0).replace(",", ""))


def compare_with_baseline(row: Row, measure: str) -> Outcome | None:
    """Return how a row's value differs from the baseline's; None: not significantly, or there is no such test."""
    found = row.differences.get(measure)
    if found is None or found.p_baseline is None or row.alpha is None or found.p_baseline >= row.alpha:
        return None
    return "better" if (found.difference > 0) != lower_is_better(measure) else "worse"


def warn_of_test_data(row: Row) -> str:
    """Return what nobody may overlook behind a system's name."""
    uses = [use for use, seen in (("trained", row.trained_on_test), ("tuned", row.tuned_on_test)) if seen]
    what = "pairs" if row.unit == "pair" else "queries"
    return f" ({' and '.join(uses)} on test {what})" if uses else ""
