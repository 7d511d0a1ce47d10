"""What stands between runs and one leaderboard: other judgements, queries, documents or rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirank.errors import ConfigError
from nirank.report.merging.saved_runs import SavedRun
from nirank.results.groups import JudgedSplit, title_groups
from nirank.results.row import Conventions

_RULES = (  # of the conventions, in words
    ("ties", "ties"),
    ("mean", "the mean"),
    ("gain", "the gain"),
    ("min_rel", "the least relevant grade"),
    ("self_match", "a query's own document"),
    ("time", "the documents that a query may be given"),
    ("protocol", "the protocol"),
)
_STATED = (("known", "what was known before"), ("queries", "the version of the queries"), ("sample", "the queries"))
_SIDES = (("queries", "the queries"), ("docs", "the documents"), ("candidates", "the candidates"))


def require_comparable(runs: Sequence[SavedRun]) -> None:
    """Raise ConfigError unless tables of one name are of the same judgements, queries, documents and rules.

    The sentence names both runs and the first difference.
    """
    for at, run in enumerate(runs):
        for earlier in runs[:at]:
            _require_shared_tables(earlier, run)
            shared = [key for key in earlier.tables if key in run.tables]
            for key in shared:
                difference = _find_difference(earlier, run, key)
                if difference is not None:
                    title = title_groups([key])[key]
                    raise ConfigError(
                        f"{earlier.name} and {run.name} cannot be one leaderboard: on {title}, {difference}"
                    )
    _require_equal_groups(runs)


def _require_shared_tables(a: SavedRun, b: SavedRun) -> None:
    """Raise ConfigError where two runs have a collection in common, and nothing of it that can be compared."""
    for collection in dict.fromkeys(key.collection for key in a.tables):
        of_a, of_b = ([key for key in run.tables if key.collection == collection] for run in (a, b))
        if not of_b or set(of_a) & set(of_b):
            continue
        what, name = (
            ("split", "split")
            if {key.split for key in of_a} != {key.split for key in of_b}
            else ("qrels", "judgement set")
        )
        values_a, values_b = (", ".join(f"'{getattr(key, what)}'" for key in keys) for keys in (of_a, of_b))
        raise ConfigError(
            f"{a.name} and {b.name} cannot be one leaderboard: of {collection}, the {name} is {values_a} in {a.name}"
            f" and {values_b} in {b.name}"
        )


def _require_equal_groups(runs: Sequence[SavedRun]) -> None:
    """Raise ConfigError where a collection is averaged in two groups."""
    for at, run in enumerate(runs):
        for earlier in runs[:at]:
            for name, group in run.groups.items():
                if earlier.groups.get(name, group) != group:
                    raise ConfigError(
                        f"{earlier.name} and {run.name} cannot be one leaderboard: {name} is averaged in"
                        f" '{earlier.groups[name]}' in {earlier.name} and in '{group}' in {run.name}"
                    )


def _find_difference(a: SavedRun, b: SavedRun, key: JudgedSplit) -> str | None:
    """Return the first difference between two tables of one name, in words; None where they can be compared."""
    differs = _compare_digests(a, b, key, str(key.qrels), "the judgements")
    for what, words in _SIDES:
        differs = differs or _compare_digests(a, b, key, what, words)
    return differs or _compare_rules(a, b, key) or _compare_queries(a, b, key)


def _compare_digests(a: SavedRun, b: SavedRun, key: JudgedSplit, what: str, words: str) -> str | None:
    digests = [run.get_digest(key, what) for run in (a, b)]
    if digests[0] == digests[1]:
        return None
    run_files = [run for run in (a, b) if run.get_digest(key, "docs") is None]
    if run_files and what in ("queries", "docs"):
        return None  # run files say nothing of texts
    counts = [(run.describe_collection(key).get("counts") or {}).get(what) for run in (a, b)]
    if None in digests:
        known = [run.name for run, digest in zip((a, b), digests, strict=True) if digest is not None]
        return f"{words} of {known[0]} are not those of the other, which states none"
    if counts[0] != counts[1] and None not in counts:
        return f"{words} differ: {counts[0]:,} in {a.name}, {counts[1]:,} in {b.name}"
    return f"{words} differ: as many in both, but not the same ones"


def _compare_rules(a: SavedRun, b: SavedRun, key: JudgedSplit) -> str | None:
    rules = [_read_rules(run, key) for run in (a, b)]
    if None in rules:
        return None
    first, second = (rule for rule in rules if rule is not None)
    for name, words in _RULES:
        values = (getattr(first, name), getattr(second, name))
        if values[0] != values[1] and None not in values:
            return _say_values(words, values, a, b)
    run_files = any(run.get_digest(key, "docs") is None for run in (a, b))
    for name, words in _STATED[:1] if run_files else _STATED:
        values = (first.collection.get(name), second.collection.get(name))
        if values[0] != values[1]:
            return _say_values(words, values, a, b)
    return None


def _read_rules(run: SavedRun, key: JudgedSplit) -> Conventions | None:
    return next((row.conventions for row in run.tables[key] if row.status == "ok"), None)


def _say_values(words: str, values: tuple[Any, Any], a: SavedRun, b: SavedRun) -> str:
    shown = ["not stated" if value is None else f"'{value}'" for value in values]
    return f"{words}: {shown[0]} in {a.name}, {shown[1]} in {b.name}"


def _compare_queries(a: SavedRun, b: SavedRun, key: JudgedSplit) -> str | None:
    """Return whether other queries are evaluated; where a folder does not list them, whether their number differs."""
    if key in a.query_sets and key in b.query_sets:
        for here, there in ((a, b), (b, a)):
            known = set(there.query_sets[key].ids)
            only = [id for id in here.query_sets[key].ids if id not in known]
            if only:
                more = f" (and {len(only) - 1:,} more)" if len(only) > 1 else ""
                return f"query '{only[0]}' is evaluated in {here.name} and not in {there.name}{more}"
        return None
    counts = [next((row.queries.judged for row in run.tables[key] if row.status == "ok"), None) for run in (a, b)]
    if counts[0] != counts[1] and None not in counts:
        return f"{counts[0]:,} queries are evaluated in {a.name}, {counts[1]:,} in {b.name}"
    return None
