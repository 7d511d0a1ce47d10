"""Notes: what holds for all systems of a table, and what a reader must know of all tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nirank.evaluation.measures import is_of_pairs
from nirank.report.counts import describe_counts
from nirank.report.grid import format_value
from nirank.report.pair_words import explain_measures, name_training_pairs
from nirank.results.row import Row
from nirank.results.row_training import TrainingQueries

_HOLES = 0.1  # difference of judged shares from which a comparison is flagged
_TIES = 0.1  # of a value: how far the order of ties may move it before that is said
_UNREACHED = 0.99995  # a ceiling that would not be printed as 1


def list_table_notes(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return what holds for all systems of a table: ceilings, and where holes in the judgements differ."""
    notes = []
    ceilings: Mapping[str, float] = next((row.ceilings for row in rows if row.ceilings), {})
    low = [f"{measure} {ceilings[measure]:.4f}" for measure in shown if ceilings.get(measure, 1) < _UNREACHED]
    if low:
        notes.append(f"Some judged documents cannot be returned here; no ranking exceeds {', '.join(low)}.")
    measured = [row for row in rows if row.status == "ok"]
    if any(row.unit == "pair" for row in rows):
        notes += explain_measures(shown)
    pooled = [row for row in measured if row.queries.not_relevant_labels != 0]  # else judged means relevant
    for k in dict.fromkeys(k for row in pooled for k in row.judged_at):
        parts = {row.seed_of or row.system: row.judged_at[k] for row in pooled if k in row.judged_at}
        least, most = min(parts, key=parts.__getitem__), max(parts, key=parts.__getitem__)
        if parts[most] - parts[least] > _HOLES:
            notes.append(
                f"Unjudged documents: of the first {k} results, {parts[most]:.0%} are judged for {most} and"
                f" {parts[least]:.0%} for {least}; measures at {k} may favour the former."
            )
    notes += [line for row in measured for line in (*_note_ties(row, shown), *_note_short_lists(row, shown))]
    notes += [*_note_twins(measured, shown), *_note_feedback(measured)]
    notes += _note_tests(measured)
    notes += [*_note_training(measured, shown), *_note_machines(measured)]
    return notes


def list_lacking_values(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return why values are lacking, a sentence for each system and reason."""
    lacking: dict[tuple[str, bool, str], list[str]] = {}
    for row in rows:
        for measure in shown:
            if row.measures.get(measure) is None:
                reason = row.nulls.get(measure) or row.error or "not computed"
                lacking.setdefault((row.system, row.status == "ok", reason), []).append(measure)
    return [
        f"{system}, {', '.join(of)}: {reason}" if ok else f"{system} failed: {reason}"
        for (system, ok, reason), of in lacking.items()
    ]


def _note_ties(row: Row, shown: Sequence[str]) -> list[str]:
    """Return which values the order of equal scores moves by more than a tenth, in one sentence."""
    ranges = []
    for measure in shown:
        bounds, value = row.ties.get(measure), row.measures.get(measure)
        if bounds is None or value is None or abs(bounds.best - bounds.worst) <= _TIES * abs(value):
            continue
        ends = f"{format_value(measure, bounds.worst)} to {format_value(measure, bounds.best)}"
        ranges.append(f"{measure} from {ends} (on {bounds.queries:,} of {row.queries.judged:,} queries)")
    return [f"Ties of {row.system}: the order of equal scores moves {', '.join(ranges)}."] if ranges else []


def _note_short_lists(row: Row, shown: Sequence[str]) -> list[str]:
    """Return on how many queries a list ends before what a screening measure counts, in one sentence."""
    counts = [f"{name} on {n:,}" for name in shown if (n := row.unreached_queries.get(name))]
    if not counts:
        return []
    where = "" if row.depth is None else f" at {row.depth:,}"
    of = f"{', '.join(counts)} of {row.queries.judged:,} queries"
    remedy = "`complete` appends the rest" if row.depth is None else "a list without k and cut is ranked whole"
    return [
        f"Lists of {row.system} end{where}, too early for {of}. The documents that they lack count as ranked last,"
        f" and a WSS that is not reached as 0; {remedy}."
    ]


def _note_twins(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return the value that changes most if documents with equal texts share labels, where that is a tenth."""
    changes = [
        (abs(shared - value), row, measure, shared, value)
        for row in rows
        for measure in shown
        if (shared := row.twins.get(measure)) is not None
        and (value := row.measures.get(measure)) is not None
        and abs(shared - value) > _TIES * abs(value)
    ]
    if not changes:
        return []
    _, row, measure, shared, value = max(changes, key=lambda change: change[0])
    return [
        f"Documents with equal texts have unequal labels: if they shared the best, {measure} of {row.system} would be"
        f" {format_value(measure, shared)}, not {format_value(measure, value)}; of no value would more change."
    ]


def _note_feedback(rows: Sequence[Row]) -> list[str]:
    """Return which systems were told what is relevant while they ranked."""
    told = [
        row
        for row in rows
        if any(str(stated.get("feedback")).startswith("judgements") for stated in row.conventions.stages.values())
    ]
    names = dict.fromkeys(row.seed_of or row.system for row in told)
    if not names:
        return []
    return [
        f"{', '.join(names)}: ranked with feedback, the judgement of every document shown before; compare with others"
        " that have it, since one-off rankings see no judgement."
    ]


def _note_machines(rows: Sequence[Row]) -> list[str]:
    """Return which system ran where, where two of them have no machine in common."""
    machines: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if row.cost.machines and row.seed_of is None:
            machines.setdefault(row.cost.machines, []).append(row.system)
    if all(set(one) & set(other) for one in machines for other in machines):
        return []
    words = "; ".join(f"{', '.join(systems)} on {' and '.join(names)}" for names, systems in machines.items())
    return [f"Times of different machines are no comparison: {words}."]


def _note_tests(rows: Sequence[Row]) -> list[str]:
    """Return what the marks behind values mean."""
    compared = next((row for row in rows if row.conventions.comparisons), None)
    if compared is None or compared.conventions.comparisons is None or len(rows) < 2:
        return []
    words = compared.conventions.comparisons
    if words.startswith(("a single query", "not compared")):
        return [f"Differences: {words}."]
    if compared.baseline:
        meaning = f"▲ significantly better, ▼ significantly worse than {compared.baseline}"
    else:
        meaning = "Systems that share a letter do not differ significantly"
    return [f"{meaning} ({words})."]


def _note_training(rows: Sequence[Row], shown: Sequence[str]) -> list[str]:
    """Return what systems were trained and tuned on, and what stands in columns of it."""
    notes = []
    systems: dict[str, list[str]] = {}
    for row in rows:
        for use, sets in (("trained", row.trained_on), ("tuned", row.tuned_on)):
            for queries in sets:
                sentence = f"{use} on {_name_training_queries(queries)}{' (in one of the folds)' if row.folds else ''}"
                systems.setdefault(sentence, []).append(row.seed_of or row.system)
        for choice in row.choices:
            if choice.kept is False:
                nearest = choice.candidates[choice.chosen].bounded
                sentence = f"no candidate keeps {choice.subject_to} where it was tuned; the nearest has {nearest:.4f}"
                systems.setdefault(sentence, []).append(row.seed_of or row.system)
    notes += [f"{', '.join(dict.fromkeys(names))}: {sentence}." for sentence, names in systems.items()]
    counts = {f"{row.new_documents.queries:,} of {row.new_documents.total:,}" for row in rows if row.new_documents}
    if shown and counts:
        notes.append(
            f"New documents: the mean over the {' or '.join(sorted(counts))} queries whose relevant documents do not"
            " occur as relevant in training."
        )
    if any(row.spread for row in rows):
        notes.append("±: standard deviation over the seeds.")
    return notes


def _name_training_queries(queries: TrainingQueries) -> str:
    """Return how many queries of what, and how many of them are evaluated or were trained on."""
    if queries.evaluated_matches is not None:
        return name_training_pairs(queries)
    if queries.written is not None:
        evaluated = "left out, whose words are evaluated" if queries.dropped else "with the words of evaluated ones"
        overlap = f", {queries.overlap:,} of them {evaluated}" if queries.overlap else ""
        return f"{queries.what}: {queries.written:,} written, {queries.kept:,} kept, no label{overlap}"
    count = "" if queries.queries is None else f"{queries.queries:,} queries of "
    evaluated = "evaluated ones left out" if queries.dropped else "of them evaluated"
    overlap = f", {queries.overlap:,} {evaluated}" if queries.overlap else ""
    trained = f", {queries.trained_too:,} of which it was trained on" if queries.trained_too else ""
    return f"{count}{queries.what}{overlap}{trained}"


def list_footnotes(rows: Sequence[Row]) -> list[str]:
    """Return what a reader must know of all tables: conventions, counters, where times come from."""
    systems = [row for row in rows if row.seed_of is None]
    notes = [*_describe_conventions(systems), *describe_counts(systems)]
    if any(row.cost.measured in ("stored", "mixed") for row in systems):
        notes.append("* includes times measured when the same work was first done; its results are stored since.")
    return notes


def _describe_conventions(rows: Sequence[Row]) -> list[str]:
    """Return what all rows have in common in one line, and then what only some have, a line for each kind of row."""
    stated = [(row, _list_conventions(row)) for row in rows if row.status == "ok" and row.conventions.ties is not None]
    common = [rule for rule in dict.fromkeys(rule for _, rules in stated for rule in rules) if _is_in_all(rule, stated)]
    special: dict[tuple[str, ...], list[str]] = {}
    for row, rules in stated:
        own_rules = tuple(rule for rule in rules if rule not in common)
        if own_rules:
            special.setdefault(own_rules, []).append(_name_judged_collection(row, rows))
    lines = [f"{', '.join(dict.fromkeys(names))}: {' '.join(rules)}" for rules, names in special.items()]
    return [*([" ".join(common)] if common else []), *lines]


def _is_in_all(rule: str, stated: Sequence[tuple[Row, Sequence[str]]]) -> bool:
    return all(rule in rules for _, rules in stated)


def _name_judged_collection(row: Row, rows: Sequence[Row]) -> str:
    """Return a row's collection and split, and its judgement set where there are several."""
    sets = {other.qrels for other in rows if (other.collection, other.split) == (row.collection, row.split)}
    name = f"{row.collection}/{row.split}" if row.split else row.collection
    return f"{name} ({row.qrels})" if len(sets) > 1 else name


def _list_conventions(row: Row) -> list[str]:
    """Return the rules of a row, a sentence each."""
    rules = row.conventions
    sentences = []
    if row.unit == "query" or not all(map(is_of_pairs, row.measures)):
        sentences += [f"Ties: {rules.ties}.", f"Mean {rules.mean}.", f"Gain: {rules.gain}."]
        sentences.append(f"Relevant: grade {rules.min_rel} or more.")
    if row.unit == "query":
        sentences.append(f"A query's own document: {'kept' if rules.self_match == 'keep' else 'removed'}.")
    elif rules.self_match != "keep":
        sentences.append("No record is paired with itself.")
    if rules.pairs:
        sentences.append(f"Measures of pairs: {rules.pairs}.")
    if rules.time == "as_of_query":
        sentences.append("Documents: dated before the query, and undated ones.")
    stated = {**rules.collection, **({"order_by": rules.order_by} if rules.order_by else {})}
    named = (
        *(("queries", "Version of the queries"), ("candidates", "Candidates"), ("known", "Known before")),
        *(("sample", "Queries"), ("order_by", "Order of run files by")),
    )
    return sentences + [f"{label}: {stated[key]}." for key, label in named if key in stated]
