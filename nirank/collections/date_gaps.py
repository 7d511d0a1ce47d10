"""Gaps in time between a query and its documents: in years or days, and the windows and counts that they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirank.collections.dates import UNDATED, Dates, Undated
from nirank.flow.scope import ValueRange

GapUnit = Literal["years", "days"]
Window = tuple[int | None, int | None]  # the least and the greatest gap, both inside; None: no bound
Rows = NDArray[np.integer]

_MAX = np.iinfo(np.int32).max


def make_gap_ranges(
    docs: Dates, queries: Dates, window: Window, unit: GapUnit, undated: Undated
) -> tuple[ValueRange, ...]:
    """Return which documents each query may see by the gap: the query's date minus the document's.

    years  of calendar years, which a month or a year tells too
    days   of days; where a date means several days, what may lie inside the window is allowed
    undated  keep: an undated document is seen by all queries, an undated query sees all documents; drop: none of that
    """
    least, most = window
    if unit == "years":
        years, query_years = get_years(docs), get_years(queries).astype(np.int64)
        return (_make_range(years, query_years, query_years, window, docs, queries, undated),)
    first, last = queries.first.astype(np.int64), queries.last.astype(np.int64)
    return (
        _make_range(docs.last, first, first, (None, most), docs, queries, undated),
        _make_range(docs.first, last, last, (least, None), docs, queries, undated),
    )


def _make_range(
    values: NDArray[np.int32],
    earliest: NDArray[np.int64],
    latest: NDArray[np.int64],
    window: Window,
    docs: Dates,
    queries: Dates,
    undated: Undated,
) -> ValueRange:
    """Return the rule earliest - most ≤ value ≤ latest - least."""
    least, most = window
    low = np.full(len(earliest), UNDATED + 1, np.int64) if most is None else earliest - most
    high = np.full(len(latest), _MAX, np.int64) if least is None else latest - least
    keep_undated = undated == "keep"
    low = np.maximum(low, UNDATED + 1)
    low[queries.undated] = UNDATED if keep_undated else 1
    high[queries.undated] = _MAX if keep_undated else 0
    return ValueRange(values, low, high, docs.undated & keep_undated)


def get_years(dates: Dates) -> NDArray[np.int32]:
    """Return the calendar year of each date, (n,) int32; UNDATED where there is none."""
    undated = dates.undated
    days = np.where(undated, 0, dates.first).astype("datetime64[D]")
    years = days.astype("datetime64[Y]").astype(np.int32) + 1970
    return np.where(undated, UNDATED, years).astype(np.int32)


def measure_year_gaps(queries: Dates, docs: Dates, query_rows: Rows, rows: Rows) -> NDArray[np.int64]:
    """Return the gap of each pair in calendar years, the query's minus the document's, (n_pairs,) int64.

    UNDATED where one of the two has no date.
    """
    query_years, years = get_years(queries)[query_rows], get_years(docs)[rows]
    undated = (query_years == UNDATED) | (years == UNDATED)
    return np.where(undated, UNDATED, query_years.astype(np.int64) - years)


def count_gaps(gaps: NDArray[np.int64]) -> dict[int, int]:
    """Return how many pairs have each gap, ascending, those without one aside."""
    values, counts = np.unique(gaps[gaps != UNDATED], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def count_inside(counts: Iterable[tuple[int, int]], window: Window) -> int:
    """Return how many of counted gaps lie in a window."""
    least, most = window
    return sum(n for gap, n in counts if (least is None or gap >= least) and (most is None or gap <= most))
