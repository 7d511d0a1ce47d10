"""Rows: as they begin, and those that summarise others as means over the collections of a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nirank.evaluation.comparisons import Comparisons
from nirank.evaluation.evaluate import Evaluation
from nirank.evaluation.measures import is_of_pairs, lower_is_better, parse

Row = dict[str, Any]
_SAME = 12  # decimals: means that differ by less share a rank


def blank_row(measures: Sequence[str], /, **known: Any) -> Row:
    """Return a row with every key that leaderboard.json has, before anything is known of its numbers."""
    row: Row = {
        "collection": "",
        "split": None,
        "qrels": None,
        "unit": "query",
        "system": "",
        "of": None,
        "seed": None,
        "seeds": [],
        "fold": None,
        "folds": None,
        "spread": {},
        "trained_on": [],
        "trained_on_test": False,
        "tuned_on": [],
        "tuned_on_test": False,
        "chosen": [],
        "trainings": [],
        "unseen": {},
        "summary_of": None,
        "zero_shot": None,
        "status": "ok",
        "depth": None,
        "longest": None,
        "queries": {"declared": 0, "judged": 0, "answered": 0},
        "measures": dict.fromkeys(measures),
        **{key: {} for key in ("nulls", "answerable", "ceilings", "ties", "holes", "judged_at", "unreached", "twins")},
        "effort": [],
        "ledger": [],
        "pairs": {},
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
    row["pairs"] = dict(evaluation.pairs)
    row["unreached"] = dict(evaluation.unreached)
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
    name (measures of pairs have none), `by_zero_shot` the means over the collections with the same answer where answers
    differ.
    `average_rank` is the mean of the system's ranks (from 1, ties averaged) among the systems that have
    the measure on all collections. A measure that one collection lacks is null, says how many
    there are, and has no rank. Where each collection has one judgement set, these are taken together,
    whatever they are called; of several, those of one name.

    groups  {(collection, split): group or None}
    """
    sets: dict[tuple[str, str | None], set[str | None]] = {}
    for row in rows:
        sets.setdefault((row["collection"], row["split"]), set()).add(row["qrels"])
    members: dict[tuple[str, str | None], dict[str, list[Row]]] = {}
    for row in rows:
        group = groups.get((row["collection"], row["split"]))
        if group is not None:
            alone = all(len(sets.get(key, ())) < 2 for key, name in groups.items() if name == group)
            members.setdefault((group, None if alone else row["qrels"]), {}).setdefault(row["system"], []).append(row)
    declared = Counter(name for name in groups.values())
    found = []
    for (group, _), systems in members.items():
        ranks = _average_ranks(systems, declared[group])
        found += [_summary(group, of, ranks.get(system, {}), declared[group]) for system, of in systems.items()]
    return found


def _average_ranks(systems: Mapping[str, Sequence[Row]], declared: int) -> dict[str, dict[str, float]]:
    """Return {system: {measure: mean rank over the collections}} of the systems that have the measure on all."""
    from scipy.stats import rankdata

    names = dict.fromkeys(name for rows in systems.values() for row in rows for name in row["measures"])
    found: dict[str, dict[str, float]] = {}
    for name in names:
        values = {system: [row["measures"].get(name) for row in rows] for system, rows in systems.items()}
        whole = {system: of for system, of in values.items() if len(of) == declared and None not in of}
        if len(whole) < 2:
            continue
        better = 1 if lower_is_better(name) else -1
        ranks = rankdata(better * np.array(list(whole.values()), np.float64).round(_SAME), axis=0).mean(axis=1)
        for system, rank in zip(whole, ranks.tolist(), strict=True):
            found.setdefault(system, {})[name] = rank
    return found


def _summary(group: str, rows: Sequence[Row], ranks: Mapping[str, float], declared: int) -> Row:
    names = dict.fromkeys(name for row in rows for name in row["measures"])
    measures: dict[str, float | None] = {}
    pooled: dict[str, float] = {}
    nulls: dict[str, str] = {}
    for name in names:
        values = [row["measures"].get(name) for row in rows]
        there = [value for value in values if value is not None]
        if len(there) < declared:
            measures[name], nulls[name] = None, f"only {len(there)}/{declared} collections of the group have it"
            continue
        left_out = "left_out" if parse(name).screening else ""
        weights = [row["queries"]["judged"] - row["queries"].get(left_out, 0) for row in rows]
        measures[name] = sum(there) / len(there)
        if is_of_pairs(name):
            continue
        pooled[name] = sum(v * w for v, w in zip(there, weights, strict=True)) / max(sum(weights), 1)
    first = rows[0]
    failed = sum(row["status"] != "ok" for row in rows)
    answers = dict.fromkeys(row["zero_shot"] for row in rows)
    rules = {key: said for key, said in first["conventions"].items() if key not in ("stages", "comparisons")}
    rules["mean"] = f"over {len(rows)} collections, each counting once"
    rules["zero_shot"] = "; ".join(f"{row['collection']}: {row['zero_shot']}" for row in rows)
    depths = {row["depth"] for row in rows}
    return blank_row(
        list(names),
        collection=group,
        qrels=first["qrels"] if len({row["qrels"] for row in rows}) == 1 else None,
        system=first["system"],
        status="failed" if failed else "ok",
        **({"error": f"failed on {failed} of {len(rows)} collections"} if failed else {}),
        summary_of=[row["collection"] for row in rows],
        depth=first["depth"] if len(depths) == 1 else None,
        longest=max((row["longest"] for row in rows if row["longest"] is not None), default=None),
        queries={
            key: sum(row["queries"].get(key, 0) for row in rows)
            for key in sorted({key for row in rows for key in row["queries"]})
        },
        measures=measures,
        pooled=pooled,
        average_rank=dict(ranks),
        zero_shot=next(iter(answers)) if len(answers) == 1 else "mixed",
        by_zero_shot=_by_answer(rows, names) if len(answers) > 1 else {},
        nulls=nulls,
        seeds=first["seeds"] if all(row["seeds"] == first["seeds"] for row in rows) else [],
        **{f"{what}_on_test": any(row[f"{what}_on_test"] for row in rows) for what in ("trained", "tuned")},
        conventions=rules,
        pipeline=first["pipeline"],
    )


def _by_answer(rows: Sequence[Row], names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return {answer: {measure: mean over the collections that have this answer}}."""
    found: dict[str, dict[str, float]] = {}
    for answer in dict.fromkeys(row["zero_shot"] for row in rows):
        for name in names:
            values = [row["measures"].get(name) for row in rows if row["zero_shot"] == answer]
            if None not in values:
                found.setdefault(str(answer), {})[name] = float(np.mean(np.array(values, np.float64)))
    return found
