"""What the columns of a leaderboard mean, in a sentence each, for readers who ask."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.evaluation.measures import lower_is_better
from nirank.results.row import Row

_STORED = "*: measured when it was first done."
_FACTS = {
    "queries": "Queries that are evaluated: declared and judged.",
    "records": "Records that ask.",
    "candidates a record": "Candidates of a record, the mean over all records that ask.",
    "matches kept": "How many of the known matches are among the candidates.",
    "depth": "How deep the lists are certain. '1,000 of 1,302': they go on below that, where something may be missing.",
    "ms/query": f"Milliseconds that a query would take this system alone, models loaded. {_STORED}",
    "ms/record": f"Milliseconds that a record would take this system alone, models loaded. {_STORED}",
    "index s": f"Seconds to index the documents for this system alone. {_STORED}",
    "training s": "Seconds that making its models took here; they are in no other column.",
    "parameters": "Parameters of all models of the system, each counted once.",
    "device s": "Seconds that its models computed, for documents and queries together.",
    "device": "What its models computed on.",
    "zero-shot": "Whether its models saw the collection for the first time, as far as their cards tell.",
}
_ENDINGS = {
    "(equal texts share labels)": "the value if documents with equal texts shared their best label",
    "(average rank)": "the system's rank among all, averaged over the collections",
    "(new documents)": "over the queries whose relevant documents training knows nothing of",
    "(zero-shot collections)": "over the collections that its models saw for the first time",
}


def explain_column(name: str, rows: Sequence[Row]) -> str:
    """Return what a column says; of a measure, what is better and what stands around its values."""
    if name in _FACTS:
        return _FACTS[name]
    for ending, words in _ENDINGS.items():
        if name.endswith(ending):
            return f"{name.removesuffix(ending).strip()}: {words}."
    direction = "Lower is better." if lower_is_better(name) else "Higher is better."
    baseline = next((row.baseline for row in rows if row.baseline), None)
    level = next((f"{1 - row.alpha:.0%}" for row in rows if row.alpha is not None), "95%")
    parts = [f"{name}, the mean over queries. {direction}"]
    if any(name in row.intervals for row in rows):
        parts.append(f"The line below a value is its {level} interval, the dot its mean.")
    if baseline:
        parts.append(f"▲ significantly better, ▼ significantly worse than {baseline}.")
    elif any(row.groups.get(name) for row in rows):
        parts.append("Systems that share a letter do not differ significantly.")
    return " ".join(parts)
