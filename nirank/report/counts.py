"""What was counted on the way: in a line a collection, and system by system as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from nirank.report.grid import Cell, Grid, format_value
from nirank.report.pair_words import name_pair_count
from nirank.results.groups import group_rows
from nirank.results.row import Row

_QUERY_COUNTS = {  # in words
    "missing": "queries without results",
    "unjudged": "queries without judgements",
    "no_relevant": "queries without a relevant document",
    "left_out": "queries left out by screening measures",
    "negative_labels": "negative labels",
    "dangling": "judged documents outside the corpus",
    "unranked": "candidates left unranked",
    "tied": "queries with ties at a cut-off",
}
_PLAIN_COUNTS = ("declared", "judged", "answered", "not_relevant_labels")  # known from columns, or no loss


def describe_counts(rows: Sequence[Row]) -> list[str]:
    """Return what was counted of queries and judgements, a line a collection: where systems differ, the most.

    What stages count of texts and lists, and queries with ties, are left to the tables.
    """
    lines = []
    for name, table in _group_collections(rows).items():
        measured = [row for row in table if row.status == "ok" and row.summary_of is None]
        counted = [_list_counts(replace(row, counts={}, queries=replace(row.queries, tied=None))) for row in measured]
        words = []
        for count in dict.fromkeys(count for counts in counted for count in counts):
            values = [counts.get(count, 0) for counts in counted]
            words.append(f"{count} {'' if min(values) == max(values) else 'up to '}{max(values):,}")
        if words:
            lines.append(f"{name}: {', '.join(words)}.")
    return lines


def _group_collections(rows: Sequence[Row]) -> dict[str, list[Row]]:
    collections: dict[str, list[Row]] = {}
    for row in rows:
        collections.setdefault(row.collection, []).append(row)
    return collections


def make_count_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return a table for each collection and judgement set where anything was counted.

    Where some queries have nothing relevant, the means over the others stand there too.
    """
    grids = []
    for key, table in group_rows(row for row in rows if row.status == "ok").items():
        counted = [_list_counts(row) for row in table]
        names = list(dict.fromkeys(count for counts in counted for count in counts))
        means = list(dict.fromkeys(measure for row in table for measure in row.answerable_means))
        if not names and not means:
            continue
        what = (
            "records with a match" if any(row.unit == "pair" for row in table) else "queries with a relevant document"
        )
        body = [
            [
                Cell(row.system),
                *(Cell(f"{counts.get(name, 0):,}", number=True) for name in names),
                *(Cell(_format_mean(row, measure), number=True) for measure in means),
            ]
            for row, counts in zip(table, counted, strict=True)
        ]
        head = ["system", *names, *(f"{measure} ({what})" for measure in means)]
        grids.append(Grid(f"What was counted: {key.title}", head, body, ()))
    return grids


def _list_counts(row: Row) -> dict[str, int]:
    """Return what was counted of a row, in words, where it is any and news."""
    counts: dict[str, int] = {}
    for count, n in {**asdict(row.queries), **row.counts}.items():
        name = _name_count(count, row)
        if name is not None and n:
            counts[name] = n
    return counts


def _name_count(name: str, row: Row) -> str | None:
    """Return what a count is called; None: it is no news."""
    if name in _PLAIN_COUNTS:
        return None
    if row.unit == "pair":
        return name_pair_count(name, row)
    return _QUERY_COUNTS.get(name, name.replace("_", " "))


def _format_mean(row: Row, measure: str) -> str:
    value = row.answerable_means.get(measure)
    return "-" if value is None else format_value(measure, value)
