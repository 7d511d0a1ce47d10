"""Rows as a table of texts: one grid that Markdown, terminals and pages set in their own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from nirank.evaluation.measures import lower_is_better

Row = Mapping[str, Any]

_HOLES = 0.1  # difference of judged shares from which a comparison is flagged
_UNREACHED = 0.99995  # a ceiling that would not be printed as 1


@dataclass(frozen=True)
class Cell:
    """A text in the table; numbers stand right, the best of a column is bold, facts are no result and set fainter."""

    text: str
    number: bool = False
    best: bool = False
    fact: bool = False


@dataclass(frozen=True)
class Grid:
    """One collection's table.

    title  of the collection and, where there are several, its judgement set
    notes  footnotes: why values are null, what failed
    """

    title: str
    head: Sequence[str]
    body: Sequence[Sequence[Cell]]
    notes: Sequence[str]


def grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table for each collection and judgement set, in the rows' order."""
    groups: dict[tuple[str, str | None, str | None], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["collection"], row["split"], row["qrels"]), []).append(row)
    several = len({(name, split) for name, split, _ in groups}) < len(groups)
    return [_grid(key, group, measures, several) for key, group in groups.items()]


def _grid(key: tuple[str, str | None, str | None], rows: Sequence[Row], measures: Sequence[str], several: bool) -> Grid:
    name, split, qrels = key
    title = name + (f"/{split}" if split else "") + (f" ({qrels})" if several and qrels else "")
    shown = [measure for measure in measures if any(measure in row["measures"] for row in rows)]
    best = _best([row for row in rows if row.get("of") is None], shown)
    notes = _shared_notes(rows, shown)
    more, facts = _more(rows, shown), _facts(rows)
    body = []
    for row in rows:
        cells = [Cell(row["system"] + _warned(row))]
        for measure in shown:
            value = row["measures"].get(measure)
            if value is None:
                reason = row["nulls"].get(measure) or row.get("error") or "not computed"
                note = (
                    f"{row['system']}, {measure}: {reason}"
                    if row["status"] == "ok"
                    else f"{row['system']} failed: {reason}"
                )
                if note not in notes:
                    notes.append(note)
                cells.append(Cell("-", number=True))
            else:
                top = row.get("of") is None and _rounded(row, measure) == best.get((measure, row.get("zero_shot")))
                cells.append(
                    Cell(
                        _value(row, measure, len(rows)),
                        number=True,
                        best=top,
                    )
                )
        cells += [Cell(read(row), number=True) for read in more.values()]
        cells += [Cell(read(row) if row["status"] == "ok" else "-", number=True, fact=True) for read in facts.values()]
        body.append(cells)
    return Grid(title, ["system", *shown, *more, *facts], body, notes)


def _best(rows: Sequence[Row], shown: Sequence[str]) -> dict[tuple[str, Any], float]:
    """Return {(measure, zero-shot answer): best value, as printed} where two systems or more have the answer."""
    found: dict[tuple[str, Any], float] = {}
    for measure in shown:
        best = min if lower_is_better(measure) else max
        for answer in {row.get("zero_shot") for row in rows}:
            alike = [row for row in rows if row.get("zero_shot") == answer]
            values = [_rounded(row, measure) for row in alike if row["measures"].get(measure) is not None]
            if len(alike) > 1 and values:
                found[measure, answer] = best(values)
    return found


def _more(rows: Sequence[Row], shown: Sequence[str]) -> dict[str, Callable[[Row], str]]:
    """Return the columns that only some tables need, by heading: how to read them off a row."""
    found: dict[str, Callable[[Row], str]] = {}
    for what, key in (("twins share labels", "twins"), ("average rank", "average_rank")):
        measure = next((one for one in shown if any(one in row.get(key, {}) for row in rows)), None)
        if measure is not None:
            found[f"{measure} ({what})"] = partial(_number_of, key, measure)
    if shown and any(row.get("unseen") for row in rows):
        found[f"{shown[0]} (new documents)"] = partial(_on_new_documents, shown[0])
    if shown and any("yes" in row.get("by_zero_shot", {}) for row in rows):
        found[f"{shown[0]} (zero-shot collections)"] = partial(_zero_shot_mean, shown[0])
    if any(row.get("zero_shot") not in (None, "yes") for row in rows):
        found["zero-shot"] = lambda row: row.get("zero_shot") or "-"
    return found


def _number_of(key: str, measure: str, row: Row) -> str:
    value = row.get(key, {}).get(measure)
    return "-" if value is None else f"{value:.2f}" if key == "average_rank" else shown_as(measure, value)


def _on_new_documents(measure: str, row: Row) -> str:
    """Return the mean over the queries whose relevant documents training knows nothing of."""
    return _number(row.get("unseen", {}).get("measures", {}).get(measure))


def _zero_shot_mean(measure: str, row: Row) -> str:
    """Return a group's mean over the collections that are zero-shot for the system."""
    clean = row["measures"] if row.get("zero_shot") == "yes" else row.get("by_zero_shot", {}).get("yes", {})
    return _number(clean.get(measure))


def _warned(row: Row) -> str:
    """Return what nobody may overlook behind a system's name."""
    found = [what for what in ("trained", "tuned") if row.get(f"{what}_on_test")]
    return f" ({' and '.join(found)} on what is evaluated)" if found else ""


def _value(row: Row, measure: str, n_rows: int) -> str:
    """Return a value as a cell has it: over seeds with its spread, and with what tests say of it."""
    return f"{shown_as(measure, row['measures'][measure])}{_spread(row, measure)}{_mark(row, measure, n_rows)}"


def _spread(row: Row, measure: str) -> str:
    """Return the standard deviation over seeds."""
    spread = row.get("spread", {}).get(measure)
    return "" if spread is None else f" ± {shown_as(measure, spread['sd'])}"


def _mark(row: Row, measure: str, n_rows: int) -> str:
    """Return what stands behind a value: ▲ or ▼ where it differs from the baseline's; without a baseline, letters."""
    if row.get("baseline"):
        against = row.get("against", {}).get(measure)
        if against is None or against["p_baseline"] >= row["alpha"]:
            return ""
        return " ▲" if (against["difference"] > 0) != lower_is_better(measure) else " ▼"
    letters = row.get("groups", {}).get(measure, "")
    return f" {letters}" if n_rows > 1 and letters else ""


def shown_as(measure: str, value: float, sign: str = "") -> str:
    """Return a value as tables print it: ranks with one decimal, shares with four."""
    return format(value, f"{sign},.1f" if lower_is_better(measure) else f"{sign}.4f")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _shared_notes(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return what holds for all systems of a table: ceilings, and where holes in the judgements differ."""
    notes = []
    ceilings: Mapping[str, float] = next((row["ceilings"] for row in rows if row.get("ceilings")), {})
    low = [f"{measure} {ceilings[measure]:.4f}" for measure in shown if ceilings.get(measure, 1) < _UNREACHED]
    if low:
        notes.append(f"Not everything judged can be reached here; no ranking passes {', '.join(low)}.")
    measured = [row for row in rows if row["status"] == "ok"]
    for k in dict.fromkeys(k for row in measured for k in row.get("judged_at", {})):
        parts = {row.get("of") or row["system"]: row["judged_at"][k] for row in measured if k in row["judged_at"]}
        least, most = min(parts, key=parts.__getitem__), max(parts, key=parts.__getitem__)
        if parts[most] - parts[least] > _HOLES:
            notes.append(
                f"Unjudged documents: of the first {k} results, {parts[most]:.0%} are judged for {most} and"
                f" {parts[least]:.0%} for {least}; measures at {k} may favour the former."
            )
    notes += [line for row in measured for line in _unreached(row, shown)]
    notes += _tested(measured)
    notes += _trained(measured, shown)
    return notes + [line for row in measured if len(row.get("ledger", [])) > 1 for line in _ledger(row, shown)]


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
    """Return what each list of a system leaves to the stage behind it."""
    measure = next((name for name in shown if name in row["ledger"][0]["best"]), None)
    lines = []
    for one in row["ledger"]:
        best = f"; at best {measure} {shown_as(measure, one['best'][measure])}" if measure else ""
        lines.append(f"{one['stage']}: {one['relevant']:,} of {one['of']:,} relevant, recall {one['recall']:.4f}{best}")
    return [f"What is left, {row['system']}: " + " | ".join(lines)]


def _rounded(row: Row, measure: str) -> float:
    return round(float(row["measures"][measure]), 4)


def _facts(rows: Sequence[Row]) -> dict[str, Callable[[Row], str]]:
    """Return the columns that say how a result came about, by heading; those of models where there are models."""
    found: dict[str, Callable[[Row], str]] = {
        "queries": lambda row: f"{row['queries']['judged']:,}",
        "depth": lambda row: "whole" if row["depth"] is None else f"{row['depth']:,}",
        "ms/query": partial(_seconds, "ms_per_query", 2),
        "index s": partial(_seconds, "index_s", 1),
    }
    costs = [row["cost"] for row in rows]
    if any(cost.get("training_s") is not None for cost in costs):
        found["training s"] = partial(_seconds, "training_s", 1)
    if any(cost.get("parameters") or cost.get("device_s") for cost in costs):
        found["parameters"] = _parameters
        found["device s"] = partial(_seconds, "device_s", 1)
        found["device"] = lambda row: ", ".join(row["cost"].get("devices", ())) or "-"
    return found


def _seconds(key: str, decimals: int, row: Row) -> str:
    """Return a time of a row's, marked where it was measured before."""
    value = row["cost"].get(key)
    stored = "*" if row["cost"].get("measured") in ("stored", "mixed") else ""
    return "-" if value is None else f"{value:.{decimals}f}{stored}"


def _parameters(row: Row) -> str:
    """Return how many parameters a system's models have, as people say it: 22.7M."""
    n = row["cost"].get("parameters")
    if n is None:
        return "-"
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.1f}{unit}"
    return str(n)


def text_table(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Return the leaderboard as aligned text."""
    parts = []
    for grid in grids(rows, measures):
        table = [[*grid.head], *([cell.text for cell in line] for line in grid.body)]
        widths = [max(len(line[i]) for line in table) for i in range(len(grid.head))]
        lines = [
            "  ".join(
                one.ljust(width) if i == 0 else one.rjust(width)
                for i, (one, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in table
        ]
        parts.append(
            "\n".join([grid.title, lines[0], "-" * len(lines[0]), *lines[1:], *(f"  - {note}" for note in grid.notes)])
        )
    return "\n\n".join([*parts, "\n".join(footnotes(rows))])


def markdown(rows: Sequence[Row], measures: Sequence[str], details: Sequence[Grid] = ()) -> str:
    """Return the leaderboard as Markdown, with more tables behind it."""
    parts = ["# Leaderboard"]
    for grid in (*grids(rows, measures), *details):
        lines = [
            "| " + " | ".join(_escaped(one) for one in grid.head) + " |",
            "| --- |" + " ---: |" * (len(grid.head) - 1),
            *("| " + " | ".join(_bold(cell) for cell in line) + " |" for line in grid.body),
        ]
        parts.append("\n".join([f"## {grid.title}", "", *lines]))
        if grid.notes:
            parts.append("\n".join(f"- {note}" for note in grid.notes))
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in footnotes(rows))]) + "\n"


def _bold(cell: Cell) -> str:
    return f"**{_escaped(cell.text)}**" if cell.best else _escaped(cell.text)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


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
