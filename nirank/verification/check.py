"""Checks: what was expected of each score, and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nirank.evaluation.evaluate import Evaluation
from nirank.experiment.result import Result
from nirank.report.grid import format_value
from nirank.results.expected import ExpectedScores
from nirank.results.groups import JudgedSplit, group_rows, title_groups
from nirank.results.row import Row
from nirank.verification.sampling import estimate_interval

Status = Literal["ok", "plausible", "off", "failed", "skipped"]

_ROUNDING = 1e-9  # of decimal fractions; a value that is off by exactly the tolerance is not off
_SHOWN = 3  # scores in a line


@dataclass(frozen=True)
class Check:
    """One score.

    got       None: there is none, and `note` says why
    status    'ok': within the tolerance; 'plausible': as a sample of the queries may be; 'failed': the system failed;
              'skipped': nothing can be said
    interval  of a sample: where the mean over all queries lies
    """

    collection: str
    system: str
    measure: str
    expected: float
    got: float | None = None
    tolerance: float = 0.0
    status: Status = "ok"
    interval: tuple[float, float] | None = None
    note: str = ""

    @property
    def off_by(self) -> float | None:
        """How much more there is than was expected."""
        return None if self.got is None else self.got - self.expected


def list_checks(expected: ExpectedScores, status: Status, note: str) -> tuple[Check, ...]:
    """Return the checks of scores that there are none of."""
    return tuple(
        Check(*score, tolerance=expected.get_tolerance(*score[1:3]), status=status, note=note)
        for score in expected.list_scores()
    )


def check_scores(
    expected: ExpectedScores, result: Result, n_judged: Mapping[JudgedSplit, int] | None = None
) -> tuple[Check, ...]:
    """Compare the scores of a run with those that are expected.

    n_judged  of a run on samples of the queries: how many judged queries there are in all
    """
    rows, evaluations = _find_rows(result.rows)
    checks = []
    for check in list_checks(expected, "failed", "there is no such row"):
        row = rows.get((check.collection, check.system))
        if row is None or row.status != "ok":
            checks.append(replace(check, note=(row.error if row else None) or check.note))
            continue
        value = row.measures.get(check.measure)
        if value is None:
            checks.append(replace(check, status="off", note=row.nulls.get(check.measure, "was not computed")))
        elif n_judged is None:
            is_near = abs(value - check.expected) <= check.tolerance + _ROUNDING
            checks.append(replace(check, got=value, status="ok" if is_near else "off", note=""))
        else:
            key = evaluations[check.collection]
            evaluation = result.evaluations.get((*key, check.system))
            checks.append(_check_sample(replace(check, got=value, note=""), evaluation, n_judged[key]))
    return tuple(checks)


def describe_checks(checks: Sequence[Check]) -> str:
    """Return in a line how many scores are as expected, and the first that are not."""
    wrong = [check for check in checks if check.status in ("off", "failed")]
    n_right = f"{len(checks) - len(wrong)} of {len(checks)}"
    if not wrong:
        return f"as expected: {n_right} scores"
    more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return f"as expected: {n_right} scores; {'; '.join(map(_describe_check, wrong[:_SHOWN]))}{more}"


def collect_scores(result: Result) -> dict[str, dict[str, dict[str, float]]]:
    """Return all scores of a run that can be expected: {collection: {system: {measure: value}}}."""
    scores: dict[str, dict[str, dict[str, float]]] = {}
    rows, _ = _find_rows(result.rows)
    for (collection, system), row in rows.items():
        values = {measure: value for measure, value in row.measures.items() if value is not None}
        if values:
            scores.setdefault(collection, {})[system] = values
    return scores


def _find_rows(rows: Iterable[Row]) -> tuple[dict[tuple[str, str], Row], dict[str, JudgedSplit]]:
    """Return the rows of systems by collection and system, and what is measured under a collection's name."""
    groups = group_rows(row for row in rows if row.seed_of is None and row.summary_of is None)
    names = title_groups(groups)
    named = {(names[key], row.system): row for key, group in groups.items() for row in group}
    return named, {name: key for key, name in names.items()}


def _check_sample(check: Check, evaluation: Evaluation | None, n_judged: int) -> Check:
    """Return the check of a mean over a sample of the queries."""
    values = None if evaluation is None else evaluation.per_query.get(check.measure)
    if values is None:
        return replace(check, status="skipped", note="no mean over queries: a sample says nothing of it")
    interval = estimate_interval(values, n_judged)
    if interval is None:
        return replace(check, status="skipped", note="the sample is too small to say anything")
    low, high = interval
    is_inside = low - check.tolerance <= check.expected <= high + check.tolerance
    return replace(check, status="plausible" if is_inside else "off", interval=interval)


def _describe_check(check: Check) -> str:
    name = f"{check.collection}: {check.system}: {check.measure}"
    expected = format_value(check.measure, check.expected)
    if check.off_by is None:
        return f"{name} {'failed' if check.status == 'failed' else 'has no value'} ({check.note}), expected {expected}"
    off_by = format_value(check.measure, check.off_by, "+")
    return f"{name} {format_value(check.measure, check.got or 0.0)}, expected {expected}, off by {off_by}"
