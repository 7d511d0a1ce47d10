"""Queries that a plan wrote: how many were written and kept, what each filter dropped, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node
from nirank.algebra.sides import WrittenData
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.plan.execute import Runner
from nirank.results.doc_map import draw_doc_map
from nirank.results.row_training import QuerySieve, TrainingQueries, WrittenQueries
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.selected_docs import SelectedDocs
from nirank.synthesis.synthetic import EVALUATED
from nirank.training.questions import normalise_question

EXAMPLES = 5  # of the queries that a filter kept, and of those that it dropped
COLUMNS = ("doc_id", "cluster", "number", "raw", "query", "reason", "logprob", "tokens")


def describe_written(data: WrittenData, runner: Runner) -> WrittenQueries:
    """Return what is known of a training set that a plan wrote, after it was made."""
    nodes = _list_tables(data.table)
    tables = [_open_table(node, runner) for node in nodes]
    docs: Texts = runner.get_value(data.docs)
    selection = nodes[0].get_input("selected")
    selected = SelectedDocs.open(runner.get_value(selection))
    final = tables[-1]
    kept = [final.queries[row] for row in np.flatnonzero(final.kept).tolist()]
    evaluated = {
        normalise_question(text)
        for node in data.evaluated
        for text in runner.get_value(node).read(TextView(TITLE_AND_TEXT))
    } - {""}
    pairs = zip(nodes[1:], tables[:-1], tables[1:], strict=True)
    return WrittenQueries(
        what=data.title,
        address=data.table.address,
        selection=selection.label,
        generator=dict(nodes[0].params["generator"]),
        documents=len(selected),
        written=int(tables[0].kept.sum()),
        kept=len(kept),
        evaluated=final.reasons.count(EVALUATED)
        if data.drops_evaluated
        else sum(normalise_question(text) in evaluated for text in kept),
        dropped=data.drops_evaluated,
        sieves=tuple(_describe_sieve(node.label, before, after, docs) for node, before, after in pairs),
        clusters=len(selected.sizes),
        covered=len(np.unique(selected.clusters[np.isin(selected.rows, final.docs[final.kept])])),
        covered_at_random=_expect_coverage(selected.sizes, len(np.unique(final.docs[final.kept]))),
        tokens=int(np.asarray(final.tokens).sum()),
        seconds=_read_seconds(nodes[0], runner),
        map=draw_doc_map(selection, selected, final, data, runner),
    )


def count_written(queries: TrainingQueries, written: Sequence[WrittenQueries]) -> TrainingQueries:
    """Return what a row says that a system was trained on, with how many queries were written and kept."""
    for each in written:
        if each.what == queries.what and queries.written is not None:
            return replace(queries, written=each.written, kept=each.kept, overlap=each.evaluated)
    return queries


def list_written(data: WrittenData, runner: Runner) -> Iterator[dict[str, Any]]:
    """Yield every query that was written as a line of a table: `COLUMNS`, and the score of each filter."""
    table = _open_table(data.table, runner)
    ids = runner.get_value(data.docs).ids.take(np.asarray(table.docs))
    for row, id in enumerate(ids):
        yield {
            "doc_id": id,
            "cluster": int(table.clusters[row]),
            "number": int(table.numbers[row]),
            "raw": table.raw[row],
            "query": table.queries[row],
            "reason": table.reasons[row],
            "logprob": _format_score(table.logprobs[row]),
            "tokens": int(table.tokens[row]),
            **{name: _format_score(scores[row]) for name, scores in table.scores.items()},
        }


def _list_tables(node: Node) -> list[Node]:
    """Return the computations of a table of queries, from the one that writes them to the last filter."""
    nodes = [node]
    while (below := next((below for role, below in nodes[-1].inputs if role == "written"), None)) is not None:
        nodes.append(below)
    return nodes[::-1]


def _open_table(node: Node, runner: Runner) -> QueryTable:
    folder: Path = runner.get_value(node)
    return QueryTable.open(folder)


def _describe_sieve(label: str, before: QueryTable, after: QueryTable, docs: Texts) -> QuerySieve:
    dropped = np.flatnonzero(before.kept & ~after.kept)
    kept = np.flatnonzero(after.kept)

    def show(rows: NDArray[np.int64]) -> tuple[tuple[str, str], ...]:
        some = rows[:EXAMPLES]
        ids = docs.ids.take(np.asarray(after.docs)[some])
        return tuple((id, after.queries[row] or after.raw[row]) for id, row in zip(ids, some.tolist(), strict=True))

    return QuerySieve(label, int(before.kept.sum()), len(kept), show(dropped), show(kept))


def _expect_coverage(sizes: NDArray[np.int64], n: int) -> float | None:
    """Return in how many clusters n documents drawn at random would lie, on average; None without clusters."""
    total = int(sizes.sum())
    if not len(sizes) or n > total:
        return None

    def miss(size: int) -> float:
        """The probability that none of n documents is among `size` of them."""
        if size > total - n:
            return 0.0
        logs = (math.lgamma(total - size + 1), -math.lgamma(total - size - n + 1))
        return math.exp(sum(logs) - math.lgamma(total + 1) + math.lgamma(total - n + 1))

    return round(sum(1 - miss(size) for size in sizes.tolist()), 2)


def _read_seconds(node: Node, runner: Runner) -> float:
    stored = runner.run(node)
    assert stored is not None, "a table is computed"
    return float(stored.meta["declared"]["writing"]["seconds"])


def _format_score(score: float) -> str:
    return "" if np.isnan(score) else f"{score:.6g}"
