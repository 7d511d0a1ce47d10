"""The tasks that run stages. Each takes a Job and returns the value that becomes the artifact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.algebra.node import Job
from nirank.algebra.stage import Combiner, Retriever, ScopeStage, Scorer, TextMap
from nirank.collections.texts import Texts
from nirank.errors import StageError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking, find_certain_depth
from nirank.flow.scope import Scope, intersect_scopes
from nirank.flow.tails import append_tail

_CHECKED = 1 << 18  # pairs whose scope is looked at together


def search(job: Job) -> Pairs:
    """Run a retriever inside the scope, and check that it stayed there."""
    pairs, scope = run_retriever(job)
    count_short_lists(job, pairs, scope)
    return pairs


def run_retriever(job: Job) -> tuple[Pairs, Scope]:
    """Return what a retriever gives, checked, and the scope in which it searched."""
    stage: Retriever = job.stage
    scope = combine_scopes(job)
    pairs = stage.search(job.get_input("queries"), scope, job.depth, job.context)
    _check_list(stage.name, pairs, job, scope, ranked=stage.gives == "ranking")
    if job.depth is not None and pairs.counts.max(initial=0) > job.depth:
        raise StageError(f"{stage.name}: gave {pairs.counts.max()} documents for a query; expected at most {job.depth}")
    return pairs, scope


def count_short_lists(job: Job, pairs: Pairs, scope: Scope) -> None:
    """Count the queries that have fewer documents than was asked for, and than the scope allows."""
    if job.depth is not None and (pairs.counts < job.depth).any():
        job.context.count("short_lists", int((pairs.counts < np.minimum(job.depth, scope.count_rows())).sum()))


def score(job: Job) -> Ranking:
    """Score each list's head; the tail keeps its old order below the head's least score."""
    stage: Scorer = job.stage
    pairs: Pairs = job.get_input("list")
    head = pairs.cut(stage.depth) if isinstance(pairs, Ranking) else pairs
    scores = np.asarray(stage.score(head, job.context))
    if scores.shape != (len(head),) or not np.issubdtype(scores.dtype, np.floating):
        raise StageError(
            f"{stage.name}: gave scores of shape {scores.shape} and type {scores.dtype};"
            f" expected ({len(head)},) of floating type"
        )
    ranking = Ranking.build(head.queries, head.docs, head.query_rows, head.rows, scores, source=stage.name)
    if not isinstance(pairs, Ranking) or len(head) == len(pairs):
        depth = pairs.depth if isinstance(pairs, Ranking) else None
        return Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores, depth)
    return append_tail(ranking, pairs, stage.depth)


def combine(job: Job) -> Pairs:
    """Run a combiner over its lists."""
    stage: Combiner = job.stage
    scope = combine_scopes(job)
    pairs = stage.combine(job.inputs.get("list", ()), job.context)
    _check_list(stage.name, pairs, job, scope, ranked=stage.gives == "ranking")
    return pairs


def map(job: Job) -> Texts:
    """Run a text map; parents name rows of what the first of several maps in a row read."""
    stage: TextMap = job.stage
    source: Texts = job.get_input("texts")
    feedback = next(iter(job.inputs.get("list", ())), None)
    texts = stage.map(source, feedback, job.context)
    if texts.parents is None or len(texts.parents) != len(texts):
        raise StageError(f"{stage.name}: every text that it makes must name its parent row")
    if len(texts) and not (texts.parents.min() >= 0 and texts.parents.max() < len(source)):
        raise StageError(f"{stage.name}: a parent row lies outside 0 to {len(source) - 1}")
    composed = job.params.get("behind_map") and source.parents is not None
    parents = np.asarray(source.parents)[texts.parents] if composed else texts.parents
    return Texts(texts.ids, texts.columns, np.asarray(parents, np.int64), reads_all_columns=texts.reads_all_columns)


def make_scope(job: Job) -> Scope:
    """Run a scope stage."""
    stage: ScopeStage = job.stage
    return stage.build_scope(job.get_input("queries"), job.get_input("docs"), job.context)


def restrict(job: Job) -> Pairs:
    """Leave of a list what a scope allows; where a cut list lost documents, it is certain less deep."""
    pairs: Pairs = job.get_input("list")
    allowed = pairs.select(combine_scopes(job).allows(pairs.query_rows, pairs.rows))
    if not isinstance(pairs, Ranking) or not isinstance(allowed, Ranking) or len(allowed) == len(pairs):
        return allowed
    return Ranking(
        allowed.queries,
        allowed.docs,
        allowed.offsets,
        allowed.rows,
        allowed.scores,
        find_certain_depth(pairs, allowed.counts),
    )


def align_rewritten(job: Job) -> Texts:
    """Give the rewritten texts the declared queries' ids and order; a query without one is empty."""
    queries: Texts = job.get_input("texts")
    texts: Texts = job.get_input("made")
    assert texts.parents is not None
    parents = np.asarray(texts.parents)
    counts = np.bincount(parents, minlength=len(queries))
    if (counts > 1).any():
        raise StageError(
            f"rewrite: query '{queries.ids[int(np.argmax(counts))]}' was rewritten into {counts.max()} texts;"
            " expected one"
        )
    places = np.full(len(queries), -1, np.int64)
    places[parents] = np.arange(len(texts))
    rows = pa.array(places, mask=places < 0)
    columns = {name: column.take(rows).fill_null("") for name, column in texts.columns.items()}
    return Texts(queries.ids, columns, reads_all_columns=texts.reads_all_columns)


def combine_scopes(job: Job, queries: Texts | None = None, docs: Texts | None = None) -> Scope:
    """Return what all scopes of the job allow together."""
    queries, docs = queries or job.get_input("queries"), docs or job.get_input("docs")
    job.context.scope = intersect_scopes(queries.ids, docs.ids, job.inputs.get("scope", ()))
    return job.context.scope


def _check_list(name: str, pairs: Any, job: Job, scope: Scope, *, ranked: bool) -> None:
    """Raise StageError unless a stage gave what its kind promises."""
    if not isinstance(pairs, Ranking if ranked else Pairs):
        raise StageError(f"{name}: gave a {type(pairs).__name__}; expected a {'Ranking' if ranked else 'Pairs'}")
    if pairs.queries != job.get_input("queries").ids or pairs.docs != job.get_input("docs").ids:
        raise StageError(f"{name}: gave a list over other queries or documents than it was asked about")
    outside = [_find_outside(pairs, scope, start) for start in range(0, len(pairs), _CHECKED)]
    outsiders = next((rows for rows in outside if len(rows)), None)
    if outsiders is not None:
        query, doc = (
            pairs.queries[int(pairs.get_query_rows(outsiders[:1])[0])],
            pairs.docs[int(pairs.rows[outsiders[0]])],
        )
        raise StageError(
            f"{name}: query '{query}' got document '{doc}', which is outside its scope"
            f" ({sum(len(rows) for rows in outside)} such pairs)"
        )


def _find_outside(pairs: Pairs, scope: Scope, start: int) -> NDArray[np.int64]:
    """Return which of the pairs from a place on, so many as are looked at together, a scope does not allow."""
    rows = np.arange(start, min(start + _CHECKED, len(pairs)))
    outside: NDArray[np.int64] = rows[~scope.allows(pairs.get_query_rows(rows), pairs.rows[rows])]
    return outside


__all__: Sequence[str] = (
    "align_rewritten",
    "combine",
    "combine_scopes",
    "count_short_lists",
    "make_scope",
    "map",
    "restrict",
    "run_retriever",
    "score",
    "search",
)
