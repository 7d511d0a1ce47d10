"""D5, time: how many years older than the query relevant documents are."""

from __future__ import annotations

from dataclasses import dataclass

from nirank.collections.date_gaps import count_gaps, count_inside, measure_year_gaps
from nirank.collections.dates import UNDATED
from nirank.diagnostics.lists import JudgedLists

WIDTHS = tuple(range(1, 11))  # W of the windows [0, W]


@dataclass(frozen=True)
class TimeProfile:
    """The gaps of relevant pairs in calendar years, the query's year minus the document's.

    over      whose relevant pairs these are
    gaps      (gap, how many pairs have it), ascending
    undated   pairs without a date on one side
    outside   (W, share of the dated pairs whose gap lies outside [0, W]), W from 1 to 10; where most documents are
              later than their queries, outside [-W, 0]: `later` tells so
    """

    over: str
    gaps: tuple[tuple[int, int], ...]
    undated: int
    outside: tuple[tuple[int, float], ...]
    later: bool = False


def profile_time(judged: JudgedLists) -> TimeProfile | str:
    """Count the gaps of the relevant pairs; text says why that cannot be done."""
    if judged.query_dates is None or judged.doc_dates is None:
        side = "queries" if judged.query_dates is None else "documents"
        return f"the {side} of {judged.name} have no dates"
    qrels = judged.qrels
    relevant = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    gaps = measure_year_gaps(judged.query_dates, judged.doc_dates, qrels.query_rows[relevant], qrels.rows[relevant])
    counts = tuple(count_gaps(gaps).items())
    if not counts:
        return f"no relevant pair of {judged.name} has a date on both sides"
    total = sum(n for _, n in counts)
    later = 2 * count_inside(counts, (None, -1)) > total
    windows = [(width, (-width, 0) if later else (0, width)) for width in WIDTHS]
    outside = tuple((width, 1 - count_inside(counts, window) / total) for width, window in windows)
    return TimeProfile(judged.name, counts, int((gaps == UNDATED).sum()), outside, later)
