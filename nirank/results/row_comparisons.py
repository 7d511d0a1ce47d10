"""Rows say what comparing their systems gave: those of one collection, split and judgement set are one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nirank.evaluation.comparisons import Comparisons, Significance, compare
from nirank.evaluation.evaluate import Evaluation
from nirank.results.query_set import SetKey
from nirank.results.row import Row
from nirank.results.summaries import add_comparisons

SystemKey = tuple[str, str | None, str | None, str]  # collection, split, judgement set, system


def compare_rows(
    rows: Sequence[Row], evaluations: Mapping[SystemKey, Evaluation], significance: Significance
) -> tuple[list[Row], dict[SetKey, Comparisons]]:
    """Compare the systems of every table, and return the rows with what came out, and the comparisons.

    Single seeds are not compared: their mean is.
    """
    of_seeds = {row.system for row in rows if row.seed_of is not None}
    tables: dict[SetKey, dict[str, Evaluation]] = {}
    for (collection, split, qrels, system), evaluation in evaluations.items():
        table = tables.setdefault((collection, split, qrels), {})
        if system not in of_seeds:
            table[system] = evaluation
    tested, comparisons = list(rows), {}
    for key, table in tables.items():
        # A baseline that failed is none.
        asked = significance if significance.baseline in table else replace(significance, baseline=None)
        comparisons[key] = found = compare(table, asked)
        failed_baseline = None if asked.baseline == significance.baseline else significance.baseline
        for at, row in enumerate(rows):
            if (row.collection, row.split, row.qrels) == key and row.system in table:
                tested[at] = add_comparisons(row, found, failed_baseline)
    return tested, comparisons
