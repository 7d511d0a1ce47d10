"""Notes: what holds for all systems of a table, and what a reader must know of all tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from nirank.report.grid import shown_as
from nirank.results.row import Row, StagePairs, TrainingQueries

_HOLES = 0.1  # difference of judged shares from which a comparison is flagged
_TIES = 0.1  # of a value: how far the order of ties may move it before that is said
_QUERY_COUNTS = frozenset(
    ("missing", "unjudged", "no_relevant", "left_out", "negative_labels", "dangling", "unranked", "tied")
)
_UNREACHED = 0.99995  # a ceiling that would not be printed as 1


def shared_notes(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return what holds for all systems of a table: ceilings, and where holes in the judgements differ."""
    notes = []
    ceilings: Mapping[str, float] = next((row.ceilings for row in rows if row.ceilings), {})
    low = [f"{measure} {ceilings[measure]:.4f}" for measure in shown if ceilings.get(measure, 1) < _UNREACHED]
    if low:
        notes.append(f"Not everything judged can be reached here; no ranking passes {', '.join(low)}.")
    measured = [row for row in rows if row.status == "ok"]
    pooled = [row for row in measured if row.queries.not_relevant_labels != 0]  # else judged means relevant
    for k in dict.fromkeys(k for row in pooled for k in row.judged_at):
        parts = {row.seed_of or row.system: row.judged_at[k] for row in pooled if k in row.judged_at}
        least, most = min(parts, key=parts.__getitem__), max(parts, key=parts.__getitem__)
        if parts[most] - parts[least] > _HOLES:
            notes.append(
                f"Unjudged documents: of the first {k} results, {parts[most]:.0%} are judged for {most} and"
                f" {parts[least]:.0%} for {least}; measures at {k} may favour the former."
            )
    notes += [line for row in measured for line in (*_tied(row, shown), *_unreached(row, shown))]
    notes += _tested(measured)
    notes += _trained(measured, shown)
    staged = [row for row in measured if len(row.stages) > 1 or (row.pairs and row.stages)]
    return notes + [line for row in staged for line in _ledger(row, shown)]


def _tied(row: Row, shown: Sequence[str]) -> list[str]:
    """Return which values the order of equal scores moves by more than a tenth, in one sentence."""
    told = []
    for measure in shown:
        bounds, value = row.ties.get(measure), row.measures.get(measure)
        if bounds is None or value is None or abs(bounds.best - bounds.worst) <= _TIES * abs(value):
            continue
        ends = f"{shown_as(measure, bounds.worst)} to {shown_as(measure, bounds.best)}"
        told.append(f"{measure} from {ends} on {bounds.queries:,}")
    if not told:
        return []
    return [
        f"Equal scores decide more than {_TIES:.0%} of values of {row.system}: by their order, {', '.join(told)} of"
        f" {row.queries.judged:,} queries."
    ]


def _unreached(row: Row, shown: Sequence[str]) -> list[str]:
    """Return on how many queries a list ends before what a screening measure counts, in one sentence."""
    counts = [f"{name} on {n:,}" for name in shown if (n := row.unreached_queries.get(name))]
    if not counts:
        return []
    where = "" if row.depth is None else f" at {row.depth:,}"
    of = f"{', '.join(counts)} of {row.queries.judged:,} queries"
    remedy = "`complete` appends the rest" if row.depth is None else "a list without k and cut is ranked whole"
    return [
        f"Lists of {row.system} end{where} before this is decided: {of}. What they"
        f" leave out counts as last, and a WSS that is not reached as 0; {remedy}."
    ]


def _tested(rows: Sequence[Row]) -> list[str]:
    """Return what the marks behind values mean."""
    compared = next((row for row in rows if row.conventions.comparisons), None)
    if compared is None or compared.conventions.comparisons is None or len(rows) < 2:
        return []
    said = compared.conventions.comparisons
    if said.startswith("a single query"):
        return [f"Differences: {said}."]
    if compared.baseline:
        meaning = (
            f"▲ better, ▼ worse than {compared.baseline}; without a mark the difference cannot be told from chance"
        )
    else:
        meaning = "Systems that share a letter cannot be told apart"
    return [f"{meaning} ({said})."]


def _trained(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return what systems were trained and tuned on, and what stands in columns of it."""
    notes = []
    systems: dict[str, list[str]] = {}
    for row in rows:
        for use, sets in (("trained", row.trained_on), ("tuned", row.tuned_on)):
            for queries in sets:
                sentence = f"{use} on {_name_training_queries(queries)}{' (in one of the folds)' if row.folds else ''}"
                systems.setdefault(sentence, []).append(row.seed_of or row.system)
    notes += [f"{', '.join(dict.fromkeys(names))}: {sentence}." for sentence, names in systems.items()]
    counts = {f"{row.new_documents.queries:,} of {row.new_documents.total:,}" for row in rows if row.new_documents}
    if shown and counts:
        notes.append(
            f"New documents: the mean over the {' or '.join(sorted(counts))} queries none of whose relevant documents"
            " is relevant in training."
        )
    if any(row.spread for row in rows):
        notes.append("±: standard deviation over the seeds.")
    return notes


def _name_training_queries(queries: TrainingQueries) -> str:
    """Return how many queries of what, and how many of them are evaluated or were trained on."""
    count = "" if queries.queries is None else f"{queries.queries:,} queries of "
    evaluated = "evaluated ones left out" if queries.dropped else "of them evaluated"
    overlap = f", {queries.overlap:,} {evaluated}" if queries.overlap else ""
    trained = f", {queries.trained_too:,} of which it was trained on" if queries.trained_too else ""
    return f"{count}{queries.what}{overlap}{trained}"


def _ledger(row: Row, shown: Sequence[str]) -> list[str]:
    """Return what each list of a system leaves to the stage behind it; where pairs are counted, which matches."""
    if row.pairs:
        left = " | ".join(_pairs_left(stage.stage, stage.pairs) for stage in row.stages if stage.pairs)
        records = f"{row.pairs.reached:,} of {row.pairs.with_match:,} records with a match keep one"
        return [f"Matches left, {row.system}: {left}; {records}"]
    measure = next((name for name in shown if name in row.stages[0].best), None)
    lines = []
    for stage in row.stages:
        best = f"; at best {measure} {shown_as(measure, stage.best[measure])}" if measure else ""
        lines.append(f"{stage.stage}: {stage.relevant:,} of {stage.total:,} relevant, recall {stage.recall:.4f}{best}")
    return [f"What is left, {row.system}: " + " | ".join(lines)]


def _pairs_left(stage: str, pairs: StagePairs) -> str:
    return (
        f"{stage}: {pairs.kept:,} of {pairs.kept + pairs.lost:,}, {pairs.lost:,} lost,"
        f" {pairs.per_record:,.2f} candidates a record"
    )


def footnotes(rows: Sequence[Row]) -> list[str]:
    """Return what a reader must know of all tables: conventions, counters, where times come from."""
    notes = list(dict.fromkeys(_conventions(row) for row in rows if row.status == "ok"))
    counted = [_counts(row) for row in rows]
    notes += list(dict.fromkeys(one for one in counted if one))
    if any(row.cost.measured in ("stored", "mixed") for row in rows):
        notes.append(
            "* in part or whole what the same work took before, in this run or an earlier one; the store has it."
        )
    return [note for note in notes if note]


def _conventions(row: Row) -> str:
    rules = row.conventions
    if rules.ties is None:
        return ""
    text = (
        f"Ties: {rules.ties}. Mean {rules.mean}. Gain: {rules.gain}. Relevant: grade {rules.min_rel} or more."
        f" Own documents: {'kept' if rules.self_match == 'keep' else 'taken out'}."
    )
    if rules.pairs:
        text += f" Measures of pairs: {rules.pairs}."
    if rules.time == "as_of_query":
        text += " Documents: dated before the query, and undated ones."
    stated = {**rules.collection, **({"order_by": rules.order_by} if rules.order_by else {})}
    named = (
        *(("queries", "Version of the queries"), ("candidates", "Candidates"), ("known", "Known before")),
        *(("sample", "Queries"), ("order_by", "Order of run files by")),
    )
    return text + "".join(f" {label}: {stated[key]}." for key, label in named if key in stated)


def _counts(row: Row) -> str:
    where = f"{row.collection}, {row.system}"
    queries = {name: n for name, n in asdict(row.queries).items() if name in _QUERY_COUNTS and n}
    listed = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in {**queries, **row.counts}.items())
    answerable = ", ".join(f"{name} {value:.4f}" for name, value in row.answerable_means.items())
    parts = [f"Counted on {where}: {listed}."] if listed else []
    if answerable:
        parts.append(f"Over queries with a relevant document, {where}: {answerable}.")
    return " ".join(parts)
