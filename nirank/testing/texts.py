"""The laws of stages that make texts, and of scopes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.collections.texts import Texts
from nirank.flow.scope import Scope
from nirank.testing.bench import Bench
from nirank.testing.law import demand, run_law


def check_map(bench: Bench) -> None:
    """Check parents, ids, determinism and sharding."""
    stage, texts = bench.stage, bench.queries if bench.stage.feedback else bench.docs
    feedback = bench.make_lists(1)[0] if stage.feedback else None

    def make(rows: NDArray[np.int64], law: str) -> list[list[dict[str, Any]]]:
        """Return the made rows of each parent."""
        part = texts.take(rows)
        feedback_part = None if feedback is None else feedback.take(rows, part.ids)
        with run_law(stage, law):
            passages: Texts = stage.map(
                part, feedback_part, bench.make_context(part if stage.feedback else bench.queries)
            )
        demand(isinstance(passages, Texts), stage, law, f"expected Texts, got {type(passages).__name__}")
        parents = passages.parents
        demand(parents is not None and len(parents) == len(passages), stage, "parents", f"a made row has none ({law})")
        rows_of = np.asarray(parents)
        outside = len(rows_of) and not (rows_of.min() >= 0 and rows_of.max() < len(part))
        demand(not outside, stage, "parents", f"a parent row does not exist ({law})")
        demand(not passages.ids.find_duplicates(), stage, "ids", f"two made rows have one id ({law})")
        return [[passages[int(row)] for row in np.flatnonzero(rows_of == parent)] for parent in range(len(part))]

    rows, before = np.arange(len(texts)), texts.digest
    all_passages = make(rows, "all texts")
    demand(all_passages == make(rows, "determinism"), stage, "determinism", "twice, two results")
    demand(
        Texts(texts.ids, texts.columns, texts.parents).digest == before, stage, "inputs not changed", "a text changed"
    )
    for shard in (rows[::2], rows[1::2], rows[::-1], rows[:0]):
        same = make(shard, "sharding") == [all_passages[row] for row in shard]
        demand(same, stage, "sharding", "some of the texts alone give other texts")


def check_scope(bench: Bench) -> None:
    """Check determinism and sharding."""
    stage, queries, docs = bench.stage, bench.queries, bench.docs

    def list_allowed(rows: NDArray[np.int64], law: str) -> list[list[int]]:
        part = queries.take(rows)
        with run_law(stage, law):
            scope: Scope = stage.build_scope(part, docs, bench.make_context(part))
        demand(isinstance(scope, Scope), stage, law, f"expected a Scope, got {type(scope).__name__}")
        ours = scope.queries == part.ids and scope.docs == docs.ids
        demand(ours, stage, law, "the scope is over other queries or documents")
        everything = scope.list_pairs()
        return [everything.get_rows(query).tolist() for query in range(len(part))]

    rows = np.arange(len(queries))
    documents = list_allowed(rows, "all queries")
    demand(documents == list_allowed(rows, "determinism"), stage, "determinism", "twice, two results")
    for part in (*bench.split_queries(), rows[::-1], rows[:0]):
        same = list_allowed(part, "sharding") == [documents[row] for row in part]
        demand(same, stage, "sharding", "some of the queries alone may see other documents")
