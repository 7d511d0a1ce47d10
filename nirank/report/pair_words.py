"""Words for tables of records: records in the place of queries and documents, and what measures of pairs mean."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.results.row import Row
from nirank.results.row_training import TrainingQueries

_MEANINGS = {
    "PC": "the share of the known matches that are candidates (pair completeness, recall)",
    "PQ": "the share of the candidates that are matches (pair quality, precision)",
    "F1": "the harmonic mean of PC and PQ",
    "reduction_ratio": "the share of all possible pairs that are no candidates",
    "CSSR": "the candidates as a share of all possible pairs",
    "candidates": "candidate pairs a record",
    "least_k": "the fewest candidates a record with which PC reaches the target",
}
_OF_RANKS_OF_QUERIES = ("unjudged", "no_relevant", "left_out", "negative_labels", "unranked")  # no loss of a blocker
_COUNTS = {
    "missing": "judged records without candidates",
    "dangling": "labelled pairs with a record that is absent",
    "tied": "records with ties at a cut-off",
}
_TABLES = dict.fromkeys(("right", "both"), ("right", "left")) | {"left": ("left", "right")}  # queries and documents


def explain_measures(measures: Sequence[str]) -> list[str]:
    """Return what the measures of pairs among some mean, in a line; empty where there are none."""
    families = dict.fromkeys(measure.partition("@")[0].partition("(")[0] for measure in measures)
    meanings = [f"{family}: {_MEANINGS[family]}" for family in families if family in _MEANINGS]
    return [f"{'; '.join(meanings)}."] if meanings else []


def name_pair_count(name: str, row: Row) -> str | None:
    """Return what a count of a row's is called where records are paired; None: it says nothing there."""
    if name in _OF_RANKS_OF_QUERIES:
        return None
    queries, documents = _TABLES.get(str(row.conventions.collection.get("ask")), ("", ""))
    sides = {"queries_without_pair": queries, "documents_without_pair": documents}
    if name in sides:
        return f"records of the {sides[name]} table in no candidate pair" if sides[name] else "records in no pair"
    return _COUNTS.get(name, name.replace("_", " "))


def name_training_pairs(pairs: TrainingQueries) -> str:
    """Return which labelled pairs something learned from, and how many evaluated matches have their records there."""
    left_out = "left out" if pairs.dropped else "of which are evaluated too"
    overlap = f", {pairs.overlap:,} pairs {left_out}" if pairs.overlap else ""
    trained = f", {pairs.trained_too:,} of which it was trained on" if pairs.trained_too else ""
    words = f"the pairs of {pairs.what} ({pairs.relevant_pairs or 0:,} matches{overlap}{trained})"
    seen = pairs.evaluated_matches
    if seen is None or not seen.matches:
        return words
    neither = seen.matches - seen.one - seen.both
    return (
        f"{words}; of the {seen.matches:,} evaluated matches, {seen.both:,} have both records in those pairs,"
        f" {seen.one:,} one, {neither:,} none"
    )
