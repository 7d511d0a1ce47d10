"""Leaderboards as the page has them: every cell with what it is sorted by, its interval, and what tests say of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nirank.evaluation.measures import lower_is_better
from nirank.report.columns import (
    TWINS,
    find_best,
    format_mark,
    format_spread,
    list_extra_columns,
    list_fact_columns,
    round_as_printed,
    show_value,
    warn_of_test_data,
)
from nirank.report.notes import list_lacking_values, list_table_notes
from nirank.report.page.column_words import explain_column
from nirank.report.verdict import Verdict, judge_table
from nirank.results.groups import JudgedSplit, group_rows, title_groups
from nirank.results.row import Row

_NUMBER = re.compile(r"-?[\d,]*\.?\d+")
_SAID = ("depth", "device")  # above the table, where they are the same for all systems
_SIZES = {"k": 1e3, "M": 1e6, "B": 1e9}


@dataclass(frozen=True)
class Column:
    """A column of a kind: measure, extra or fact.

    descends  the best, or most, comes first; `help` explains the column
    shown     at first; readers can ask for the others
    """

    name: str
    kind: str
    descends: bool
    help: str
    shown: bool = True


@dataclass(frozen=True)
class Whisker:
    """An interval and its mean, as shares (0 to 100) of the range that a column's intervals span."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class BoardCell:
    """A text, and the number that it is sorted by; None: it has none, and stands last."""

    text: str
    sort: float | None
    best: bool = False
    mark: str = ""
    spread: str = ""
    whisker: Whisker | None = None


@dataclass(frozen=True)
class Line:
    """A system's cells; `seeds`: how many lines of its single seeds follow."""

    system: str
    cells: Sequence[BoardCell]
    error: str | None = None
    warning: str = ""
    is_seed: bool = False
    seeds: int = 0


@dataclass(frozen=True)
class Board:
    """The table of one collection and judgement set, or of a group of them."""

    key: JudgedSplit
    is_group: bool
    title: str
    about: str
    verdict: Verdict | None
    columns: Sequence[Column]
    lines: Sequence[Line]
    notes: Sequence[str]


def make_boards(rows: Sequence[Row], measures: Sequence[str]) -> list[Board]:
    """Return a table for each collection and judgement set, in the rows' order."""
    groups = group_rows(rows)
    titles = title_groups(groups)
    return [_make_board(key, titles[key], group, measures) for key, group in groups.items()]


def _make_board(key: JudgedSplit, title: str, rows: Sequence[Row], measures: Sequence[str]) -> Board:
    shown = [measure for measure in measures if any(measure in row.measures for row in rows)]
    best = find_best([row for row in rows if row.seed_of is None], shown)
    spans = {measure: _span_intervals(rows, measure) for measure in shown}
    extras, facts = list_extra_columns(rows, shown), list_fact_columns(rows, shown)
    shared = {name: text for name, read in facts.items() if (text := _find_shared_text(rows, read)) is not None}
    columns = [
        *(Column(name, "measure", not lower_is_better(name), explain_column(name, rows)) for name in shown),
        *(Column(name, "extra", True, explain_column(name, rows), not name.endswith(TWINS)) for name in extras),
        *(Column(name, "fact", False, explain_column(name, rows), name not in shared) for name in facts),
    ]
    lines = []
    for row, n_seeds in _order_rows(rows):
        cells = [_make_value_cell(row, name, best, spans[name], len(rows)) for name in shown]
        cells += [_make_cell(row, read) for read in (*extras.values(), *facts.values())]
        lines.append(
            Line(
                row.system,
                cells,
                error=None if row.status == "ok" else row.error or "it says not why",
                warning=warn_of_test_data(row).strip(" ()"),
                is_seed=row.seed_of is not None,
                seeds=n_seeds,
            )
        )
    notes = [*list_table_notes(rows, shown), *list_lacking_values(rows, shown)]
    if len({row.zero_shot for row in rows}) > 1:
        notes.insert(0, "The best value of a column is bold among systems with the same zero-shot answer.")
    is_group = any(row.summary_of for row in rows)
    about = " · ".join([*_describe_rows(rows), *(f"{name} {shared[name]}" for name in _SAID if name in shared)])
    return Board(key, is_group, title, about, judge_table(rows, shown), columns, lines, notes)


def _order_rows(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """Return the rows, those of single seeds behind their mean, each with how many follow it.

    Seeds without a row of their mean stand as systems of their own.
    """
    means = {row.system for row in rows if row.seed_of is None}
    seeds: dict[str, list[Row]] = {}
    for row in rows:
        if row.seed_of in means:
            seeds.setdefault(str(row.seed_of), []).append(row)
    ordered = []
    for row in rows:
        if row.seed_of is None:
            followers = seeds.get(row.system, [])
            ordered += [(row, len(followers)), *((follower, 0) for follower in followers)]
        elif row.seed_of not in means:
            ordered.append((replace(row, seed_of=None), 0))
    return ordered


def _span_intervals(rows: Sequence[Row], measure: str) -> tuple[float, float] | None:
    ends = [end for row in rows for end in row.intervals.get(measure, ())]
    return (min(ends), max(ends)) if ends and max(ends) > min(ends) else None


def _make_value_cell(
    row: Row, measure: str, best: Mapping[tuple[str, object], float], span: tuple[float, float] | None, n_rows: int
) -> BoardCell:
    value = row.measures.get(measure)
    if value is None:
        return BoardCell("–", None)
    whisker = None
    if span is not None and measure in row.intervals:
        low, mean, high = (
            round(100 * (end - span[0]) / (span[1] - span[0]), 1)
            for end in (row.intervals[measure][0], value, row.intervals[measure][1])
        )
        whisker = Whisker(low, mean, high)
    return BoardCell(
        show_value(measure, value),
        value,
        best=row.seed_of is None and round_as_printed(row, measure) == best.get((measure, row.zero_shot)),
        mark=format_mark(row, measure, n_rows).strip(),
        spread=format_spread(row, measure).strip(),
        whisker=whisker,
    )


def _make_cell(row: Row, read: Callable[[Row], str]) -> BoardCell:
    text = read(row) if row.status == "ok" else "-"
    return BoardCell("–" if text == "-" else text, _read_number(text))


def _read_number(text: str) -> float | None:
    """Return the first number of a printed fact: `1,000 of 1,302`, `22.7M`, `3.3*`."""
    match = _NUMBER.match(text)
    if match is None:
        return None
    return float(match[0].replace(",", "")) * _SIZES.get(text[match.end() : match.end() + 1], 1.0)


def _find_shared_text(rows: Sequence[Row], read: Callable[[Row], str]) -> str | None:
    """Return what a column says of all systems alike; None: they differ, or there is but one."""
    texts = {read(row) for row in rows if row.status == "ok"}
    return texts.pop() if len(texts) == 1 and len(rows) > 1 else None


def _describe_rows(rows: Sequence[Row]) -> list[str]:
    """Return how many systems and queries a table is about."""
    n_systems = len({row.seed_of or row.system for row in rows})
    parts = [f"{n_systems:,} system{'s' if n_systems != 1 else ''}"]
    of = next((row.summary_of for row in rows if row.summary_of), None)
    if of:
        parts.append(f"mean over {len(of)} collections: {', '.join(of)}")
    else:
        of_pairs = any(row.unit == "pair" for row in rows)
        count = max(row.queries.declared if of_pairs else row.queries.judged for row in rows)
        parts.append(f"{count:,} {'records' if of_pairs else 'queries'}")
    return parts
