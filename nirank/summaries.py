"""Rows: as they begin, and those that summarise others as means over the collections of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nirank.evaluation.comparisons import Comparisons
from nirank.evaluation.evaluate import Evaluation

Row = dict[str, Any]


def blank_row(measures: Sequence[str], **known: Any) -> Row:
    """Return a row with every key that leaderboard.json has, before anything is known of its numbers."""
    row: Row = {
        "collection": "",
        "split": None,
        "qrels": None,
        "unit": "query",
        "system": "",
        "seed": None,
        "fold": None,
        "summary_of": None,
        "status": "ok",
        "depth": None,
        "queries": {"declared": 0, "judged": 0, "answered": 0},
        "measures": dict.fromkeys(measures),
        **{key: {} for key in ("nulls", "answerable", "ceilings", "ties", "holes", "judged_at", "twins")},
        "effort": [],
        "ledger": [],
        "baseline": None,
        "alpha": None,
        **{key: {} for key in ("intervals", "groups", "against", "counts", "cost", "conventions")},
        "pipeline": "",
        "address": "",
    }
    return row | known


def add_evaluation(row: Row, evaluation: Evaluation) -> None:
    """Let a row say what an evaluation found."""
    row["queries"] |= evaluation.counts
    row["measures"] = dict(evaluation.means)
    row["nulls"] = dict(evaluation.nulls)
    row["answerable"] = dict(evaluation.answerable)
    row["ceilings"] = dict(evaluation.ceilings)
    row["ties"] = {name: asdict(bounds) for name, bounds in evaluation.ties.items()}
    row["holes"] = {name: dict(found) for name, found in evaluation.holes.items()}
    row["judged_at"] = dict(evaluation.judged_at)
    row["effort"] = [round(recall, 6) for recall in evaluation.effort]
    row["conventions"] |= evaluation.conventions


def add_comparisons(rows: Sequence[Row], found: Comparisons) -> None:
    """Let the rows of one collection and judgement set say what comparing their systems found."""
    for row in rows:
        row |= found.of(row["system"])
        row["conventions"]["comparisons"] = found.words()


def group_rows(rows: Sequence[Row], groups: Mapping[tuple[str, str | None], str | None]) -> list[Row]:
    """Return one row a group of collections, judgement set and system.

    The value is the macro mean: every collection counts once, however many queries it has (as
    CQADupStack's twelve forums are averaged); `pooled` has the mean over all queries, under its own
    name. A measure that one collection lacks is null, and says how many there are.

    groups  {(collection, split): group or None}
    """
    members: dict[tuple[str, str | None, str], list[Row]] = {}
    for row in rows:
        group = groups.get((row["collection"], row["split"]))
        if group is not None:
            members.setdefault((group, row["qrels"], row["system"]), []).append(row)
    return [_summary(group, found) for (group, _, _), found in members.items()]


def _summary(group: str, rows: Sequence[Row]) -> Row:
    names = dict.fromkeys(name for row in rows for name in row["measures"])
    measures: dict[str, float | None] = {}
    pooled: dict[str, float] = {}
    nulls: dict[str, str] = {}
    for name in names:
        values = [row["measures"].get(name) for row in rows]
        there = [value for value in values if value is not None]
        if len(there) < len(rows):
            measures[name], nulls[name] = None, f"only {len(there)}/{len(rows)} collections of the group have it"
            continue
        weights = [row["queries"]["judged"] for row in rows]
        measures[name] = sum(there) / len(there)
        pooled[name] = sum(v * w for v, w in zip(there, weights, strict=True)) / max(sum(weights), 1)
    first = rows[0]
    rules = {key: said for key, said in first["conventions"].items() if key not in ("stages", "comparisons")}
    counted = {key for row in rows for key in row["queries"]}
    return {
        **first,
        "collection": group,
        "split": None,
        "summary_of": [row["collection"] for row in rows],
        "status": "ok",
        "depth": first["depth"] if len({row["depth"] for row in rows}) == 1 else None,
        "queries": {key: sum(row["queries"].get(key, 0) for row in rows) for key in sorted(counted)},
        "measures": measures,
        "pooled": pooled,
        "nulls": nulls,
        **{
            key: {}
            for key in (
                "answerable",
                "ceilings",
                "judged_at",
                "twins",
                "intervals",
                "groups",
                "against",
                "counts",
                "cost",
            )
        },
        "ledger": [],
        "conventions": {**rules, "mean": f"over {len(rows)} collections, each counting once"},
        "address": "",
    }
