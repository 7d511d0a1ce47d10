"""Notes: what holds for all systems of a table, and what a reader must know of all tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirank.report.grid import Row, shown_as

_HOLES = 0.1  # difference of judged shares from which a comparison is flagged
_TIES = 0.1  # of a value: how far the order of ties may move it before that is said
_UNREACHED = 0.99995  # a ceiling that would not be printed as 1


def shared_notes(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return what holds for all systems of a table: ceilings, and where holes in the judgements differ."""
    notes = []
    ceilings: Mapping[str, float] = next((row["ceilings"] for row in rows if row.get("ceilings")), {})
    low = [f"{measure} {ceilings[measure]:.4f}" for measure in shown if ceilings.get(measure, 1) < _UNREACHED]
    if low:
        notes.append(f"Not everything judged can be reached here; no ranking passes {', '.join(low)}.")
    measured = [row for row in rows if row["status"] == "ok"]
    pooled = [row for row in measured if row["queries"].get("not_relevant_labels", 1)]  # else judged means relevant
    for k in dict.fromkeys(k for row in pooled for k in row.get("judged_at", {})):
        parts = {row.get("of") or row["system"]: row["judged_at"][k] for row in pooled if k in row["judged_at"]}
        least, most = min(parts, key=parts.__getitem__), max(parts, key=parts.__getitem__)
        if parts[most] - parts[least] > _HOLES:
            notes.append(
                f"Unjudged documents: of the first {k} results, {parts[most]:.0%} are judged for {most} and"
                f" {parts[least]:.0%} for {least}; measures at {k} may favour the former."
            )
    notes += [line for row in measured for line in (*_tied(row, shown), *_unreached(row, shown))]
    notes += _tested(measured)
    notes += _trained(measured, shown)
    told = [row for row in measured if len(row.get("ledger", [])) > 1 or (row.get("pairs") and row["ledger"])]
    return notes + [line for row in told for line in _ledger(row, shown)]


def _tied(row: Row, shown: Sequence[str]) -> list[str]:
    """Return which values the order of equal scores moves by more than a tenth, in one sentence."""
    told = []
    for measure in shown:
        bounds, value = row.get("ties", {}).get(measure), row["measures"].get(measure)
        if bounds is None or value is None or abs(bounds["best"] - bounds["worst"]) <= _TIES * abs(value):
            continue
        ends = " to ".join(shown_as(measure, bounds[end]) for end in ("worst", "best"))
        told.append(f"{measure} from {ends} on {bounds['queries']:,}")
    if not told:
        return []
    return [
        f"Equal scores decide more than {_TIES:.0%} of values of {row['system']}: by their order, {', '.join(told)} of"
        f" {row['queries']['judged']:,} queries."
    ]


def _unreached(row: Row, shown: Sequence[str]) -> list[str]:
    """Return on how many queries a list ends before what a screening measure counts, in one sentence."""
    counts = [f"{name} on {row['unreached'][name]:,}" for name in shown if row.get("unreached", {}).get(name)]
    if not counts:
        return []
    where = "" if row["depth"] is None else f" at {row['depth']:,}"
    of = f"{', '.join(counts)} of {row['queries']['judged']:,} queries"
    remedy = "`complete` appends the rest" if row["depth"] is None else "a list without k and cut is ranked whole"
    return [
        f"Lists of {row['system']} end{where} before this is decided: {of}. What they"
        f" leave out counts as last, and a WSS that is not reached as 0; {remedy}."
    ]


def _tested(rows: Sequence[Row]) -> list[str]:
    """Return what the marks behind values mean."""
    told = next((row for row in rows if row["conventions"].get("comparisons")), None)
    if told is None or len(rows) < 2:
        return []
    said = told["conventions"]["comparisons"]
    if said.startswith("a single query"):
        return [f"Differences: {said}."]
    if told.get("baseline"):
        meaning = f"▲ better, ▼ worse than {told['baseline']}; without a mark the difference cannot be told from chance"
    else:
        meaning = "Systems that share a letter cannot be told apart"
    return [f"{meaning} ({said})."]


def _trained(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return what systems were trained and tuned on, and what stands in columns of it."""
    notes = []
    told: dict[str, list[str]] = {}
    for row in rows:
        for what in ("trained", "tuned"):
            for one in row.get(f"{what}_on", ()):
                left = f", {one['overlap']:,} evaluated ones left out" if one["overlap"] and one["dropped"] else ""
                left = f", {one['overlap']:,} of them evaluated" if one["overlap"] and not one["dropped"] else left
                fold = " (in one of the folds)" if row.get("folds") else ""
                left += f", {one['trained_too']:,} of which it was trained on" if one.get("trained_too") else ""
                queries = "" if one["queries"] is None else f"{one['queries']:,} queries of "
                said = f"{what} on {queries}{one['what']}{left}{fold}"
                told.setdefault(said, []).append(row.get("of") or row["system"])
    notes += [f"{', '.join(dict.fromkeys(systems))}: {said}." for said, systems in told.items()]
    counts = {f"{row['unseen']['queries']:,} of {row['unseen']['of']:,}" for row in rows if row.get("unseen")}
    if shown and counts:
        notes.append(
            f"New documents: the mean over the {' or '.join(sorted(counts))} queries none of whose relevant documents"
            " is relevant in training."
        )
    if any(row.get("spread") for row in rows):
        notes.append("±: standard deviation over the seeds.")
    return notes


def _ledger(row: Row, shown: Sequence[str]) -> list[str]:
    """Return what each list of a system leaves to the stage behind it; where pairs are counted, which matches."""
    if row.get("pairs"):
        left = " | ".join(_pairs_left(one["stage"], one["pairs"]) for one in row["ledger"])
        records = f"{row['pairs']['reached']:,} of {row['pairs']['with_match']:,} records with a match keep one"
        return [f"Matches left, {row['system']}: {left}; {records}"]
    measure = next((name for name in shown if name in row["ledger"][0]["best"]), None)
    lines = []
    for one in row["ledger"]:
        best = f"; at best {measure} {shown_as(measure, one['best'][measure])}" if measure else ""
        lines.append(f"{one['stage']}: {one['relevant']:,} of {one['of']:,} relevant, recall {one['recall']:.4f}{best}")
    return [f"What is left, {row['system']}: " + " | ".join(lines)]


def _pairs_left(stage: str, pairs: Mapping[str, Any]) -> str:
    return (
        f"{stage}: {pairs['kept']:,} of {pairs['kept'] + pairs['lost']:,}, {pairs['lost']:,} lost,"
        f" {pairs['per_record']:,.2f} candidates a record"
    )


def footnotes(rows: Sequence[Row]) -> list[str]:
    """Return what a reader must know of all tables: conventions, counters, where times come from."""
    notes = list(dict.fromkeys(_conventions(row) for row in rows if row["status"] == "ok"))
    counted = [_counts(row) for row in rows]
    notes += list(dict.fromkeys(one for one in counted if one))
    if any(row["cost"].get("measured") in ("stored", "mixed") for row in rows):
        notes.append(
            "* in part or whole what the same work took before, in this run or an earlier one; the store has it."
        )
    return [note for note in notes if note]


def _conventions(row: Row) -> str:
    said = row["conventions"]
    if "ties" not in said:
        return ""
    text = (
        f"Ties: {said['ties']}. Mean {said['mean']}. Gain: {said['gain']}. Relevant: grade {said['min_rel']} or more."
        f" Own documents: {'kept' if said['self_match'] == 'keep' else 'taken out'}."
    )
    if said.get("pairs"):
        text += f" Measures of pairs: {said['pairs']}."
    if said.get("time") == "as_of_query":
        text += " Documents: dated before the query, and undated ones."
    named = (
        *(("queries", "Version of the queries"), ("candidates", "Candidates"), ("known", "Known before")),
        *(("sample", "Queries"), ("order_by", "Order of run files by")),
    )
    return text + "".join(f" {label}: {said[key]}." for key, label in named if key in said)


def _counts(row: Row) -> str:
    where = f"{row['collection']}, {row['system']}"
    queries = {
        name: row["queries"].get(name, 0)
        for name in (
            *("missing", "unjudged", "no_relevant", "left_out", "negative_labels", "dangling", "unranked", "tied"),
        )
    }
    found = {**{name: n for name, n in queries.items() if n}, **row["counts"]}
    listed = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in found.items())
    answerable = ", ".join(f"{name} {value:.4f}" for name, value in row["answerable"].items())
    parts = [f"Counted on {where}: {listed}."] if listed else []
    if answerable:
        parts.append(f"Over queries with a relevant document, {where}: {answerable}.")
    return " ".join(parts)
