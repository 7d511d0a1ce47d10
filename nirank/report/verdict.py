"""The verdict on a table: which system is best, by how much, and whether that can be told from chance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nirank.evaluation.measures import lower_is_better
from nirank.report.grid import format_value
from nirank.results.row import Difference, Row

_LETTER = re.compile("[a-z]'*")  # of more than 26 groups, some have a'


@dataclass(frozen=True)
class Verdict:
    """What a reader wants to know first of a table, by its first measure.

    best         the system, or several whose values print alike
    rival        the baseline, of which `significant` speaks, or without one the next best system; None: there is none
    margin       how far the best is ahead of it, never negative
    significant  None: that was not tested
    beaten       how many of the other systems the best is significantly better than; None: that was not tested
    sentence     all of this, for terminals and pages
    """

    measure: str
    best: tuple[str, ...]
    value: float
    rival: str | None
    margin: float | None
    significant: bool | None
    beaten: int | None
    sentence: str


def judge_table(rows: Sequence[Row], measures: Sequence[str]) -> Verdict | None:
    """Return the verdict on the rows of one collection, split and judgement set; None where nothing is compared.

    Single seeds stand behind their mean. Systems that learned from evaluated queries are left aside, and named.
    """
    systems = [row for row in rows if row.seed_of is None and row.status == "ok"]
    honest = [row for row in systems if not (row.trained_on_test or row.tuned_on_test)]
    measure = next((name for name in measures if sum(_has_value(row, name) for row in honest) > 1), None)
    if measure is None:
        return None
    ranked = sorted((row for row in honest if _has_value(row, measure)), key=lambda row: _key(row, measure))
    printed = [format_value(measure, _value(row, measure)) for row in ranked]
    best = [row for row, text in zip(ranked, printed, strict=True) if text == printed[0]]
    others = ranked[len(best) :]
    left_aside = [row.system for row in systems if row not in honest]
    return _compare_best(measure, best, others, left_aside)


def _compare_best(measure: str, best: Sequence[Row], others: Sequence[Row], left_aside: Sequence[str]) -> Verdict:
    first, names = best[0], tuple(row.system for row in best)
    value = _value(first, measure)
    baseline = next((row for row in (*best, *others) if row.system == first.baseline), None)
    rival = baseline if baseline in others else next(iter(others), None)
    text = format_value(measure, value)
    if len(best) > 1:
        words = [f"Best by {measure}, with {text} each: {', '.join(names)}"]
    else:
        words = [f"Best by {measure}: {names[0]}{', the baseline,' if first is baseline else ''} with {text}"]
    margin = None
    significant: bool | None = None
    if rival is not None:
        margin = abs(value - _value(rival, measure))
        role = "the baseline " if rival is baseline else ""
        significant = _differ(first, rival, measure)
        words.append(f"{format_value(measure, margin)} ahead of {role}{rival.system} ({_name_outcome(significant)})")
    beaten = None
    if baseline is None and significant is not None and len(others) > 1:
        tested = [_differ(first, row, measure) for row in others]
        beaten = sum(outcome is True for outcome in tested)
        words.append(f"significantly ahead of {beaten} of the {len(others)} others")
    sentence = ", ".join(words[:2]) + "".join(f"; {more}" for more in words[2:]) + "."
    if left_aside:
        sentence += f" Left aside, since they learned from evaluated queries: {', '.join(left_aside)}."
    return Verdict(
        measure=measure,
        best=names,
        value=value,
        rival=None if rival is None else rival.system,
        margin=margin,
        significant=significant,
        beaten=beaten,
        sentence=sentence,
    )


def _differ(a: Row, b: Row, measure: str) -> bool | None:
    """Tell whether two systems differ significantly: by the baseline's tests where there is one, else by letters."""
    if a.baseline is not None:
        found = b.differences.get(measure) if a.system == a.baseline else a.differences.get(measure)
        return _is_significant(found, a.alpha)
    letters, other_letters = (set(_LETTER.findall(row.groups.get(measure, ""))) for row in (a, b))
    return letters.isdisjoint(other_letters) if letters and other_letters else None


def _is_significant(difference: Difference | None, alpha: float | None) -> bool | None:
    if difference is None or difference.p_baseline is None or alpha is None:
        return None
    return difference.p_baseline < alpha


def _name_outcome(significant: bool | None) -> str:
    return {True: "significant", False: "not significant", None: "not tested"}[significant]


def _has_value(row: Row, measure: str) -> bool:
    return row.measures.get(measure) is not None


def _value(row: Row, measure: str) -> float:
    return row.measures[measure] or 0.0


def _key(row: Row, measure: str) -> float:
    return _value(row, measure) if lower_is_better(measure) else -_value(row, measure)
