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
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

_CHECKED = 1 << 18  # pairs whose scope is looked at together


def search(job: Job) -> Pairs:
    """Run a retriever inside the scope, and check that it stayed there."""
    stage: Retriever = job.stage
    scope = job_scope(job)
    found = stage.search(job.get_input("queries"), scope, job.depth, job.context)
    _check(stage.name, found, job, scope, ranked=stage.gives == "ranking")
    if job.depth is not None:
        if found.counts.max(initial=0) > job.depth:
            raise StageError(
                f"{stage.name}: gave {found.counts.max()} documents for a query; expected at most {job.depth}"
            )
        short = found.counts < job.depth
        if short.any():
            job.context.count("short_lists", int((found.counts < np.minimum(job.depth, scope.count_rows())).sum()))
    return found


def score(job: Job) -> Ranking:
    """Score each list's head; the tail keeps its old order below the head's least score."""
    stage: Scorer = job.stage
    found: Pairs = job.get_input("list")
    head = found.cut(stage.depth) if isinstance(found, Ranking) else found
    scores = np.asarray(stage.score(head, job.context))
    if scores.shape != (len(head),) or not np.issubdtype(scores.dtype, np.floating):
        raise StageError(
            f"{stage.name}: gave scores of shape {scores.shape} and type {scores.dtype};"
            f" expected ({len(head)},) of floating type"
        )
    ranked = Ranking.build(head.queries, head.docs, head.query_rows, head.rows, scores, source=stage.name)
    if not isinstance(found, Ranking) or len(head) == len(found):
        depth = found.depth if isinstance(found, Ranking) else None
        return Ranking(ranked.queries, ranked.docs, ranked.offsets, ranked.rows, ranked.scores, depth)
    return _with_tail(ranked, found, stage.depth)


def _with_tail(head: Ranking, found: Ranking, depth: int) -> Ranking:
    """Append what lies below `depth` in `found`, with scores that continue below the head's least."""
    below = found.ranks > depth
    tail_q, tail_rows, tail_ranks = found.query_rows[below], found.rows[below], found.ranks[below]
    least = head.scores[head.offsets[1:][tail_q] - 1].astype(np.float64)
    # One unit a rank, or more where the type is so coarse at this size that a unit would vanish.
    step = np.maximum(1.0, 4 * np.spacing((np.abs(least) + len(found)).astype(head.scores.dtype)).astype(np.float64))
    tail_scores = (least - step * (tail_ranks - depth)).astype(head.scores.dtype)
    return Ranking.build(
        found.queries,
        found.docs,
        np.concatenate((head.query_rows, tail_q)),
        np.concatenate((head.rows, tail_rows)),
        np.concatenate((head.scores, tail_scores)),
        source="tail",
        depth=found.depth,
    )


def combine(job: Job) -> Pairs:
    """Run a combiner over its lists."""
    stage: Combiner = job.stage
    scope = job_scope(job)
    found = stage.combine(job.inputs["list"], job.context)
    _check(stage.name, found, job, scope, ranked=stage.gives == "ranking")
    return found


def map(job: Job) -> Texts:
    """Run a text map; parents name rows of what the first of several maps in a row read."""
    stage: TextMap = job.stage
    texts: Texts = job.get_input("texts")
    feedback = next(iter(job.inputs.get("list", ())), None)
    made = stage.map(texts, feedback, job.context)
    if made.parents is None or len(made.parents) != len(made):
        raise StageError(f"{stage.name}: every text that it makes must name its parent row")
    if len(made) and not (made.parents.min() >= 0 and made.parents.max() < len(texts)):
        raise StageError(f"{stage.name}: a parent row lies outside 0 to {len(texts) - 1}")
    composed = job.params.get("behind_map") and texts.parents is not None
    parents = np.asarray(texts.parents)[made.parents] if composed else made.parents
    return Texts(made.ids, made.columns, np.asarray(parents, np.int64), whole=made.whole)


def scope(job: Job) -> Scope:
    """Run a scope stage."""
    stage: ScopeStage = job.stage
    return stage.build_scope(job.get_input("queries"), job.get_input("docs"), job.context)


def restrict(job: Job) -> Pairs:
    """Leave of a list what a scope allows; where a cut list lost documents, it is certain less deep."""
    found: Pairs = job.get_input("list")
    kept = found.select(job_scope(job).allows(found.query_rows, found.rows))
    if not isinstance(found, Ranking) or not isinstance(kept, Ranking) or len(kept) == len(found):
        return kept
    return Ranking(kept.queries, kept.docs, kept.offsets, kept.rows, kept.scores, certain(found, kept.counts))


def rewritten(job: Job) -> Texts:
    """Give the rewritten texts the declared queries' ids and order; a query without one is empty."""
    queries: Texts = job.get_input("texts")
    made: Texts = job.get_input("made")
    assert made.parents is not None
    parents = np.asarray(made.parents)
    counts = np.bincount(parents, minlength=len(queries))
    if (counts > 1).any():
        raise StageError(
            f"rewrite: query '{queries.ids[int(np.argmax(counts))]}' was rewritten into {counts.max()} texts;"
            " expected one"
        )
    at = np.full(len(queries), -1, np.int64)
    at[parents] = np.arange(len(made))
    rows = pa.array(at, mask=at < 0)
    columns = {name: column.take(rows).fill_null("") for name, column in made.columns.items()}
    return Texts(queries.ids, columns, whole=made.whole)


def certain(found: Ranking, counts: NDArray[np.int64]) -> int | None:
    """Return the fewest made documents (or parts) of any query whose list was cut; None where none was."""
    if found.depth is None:
        return None
    was_cut = found.counts >= found.depth
    return max(int(counts[was_cut].min()), 1) if was_cut.any() else None


def job_scope(job: Job, queries: Texts | None = None, docs: Texts | None = None) -> Scope:
    """Return what all scopes of the job allow together."""
    queries, docs = queries or job.get_input("queries"), docs or job.get_input("docs")
    allowed = Scope(queries.ids, docs.ids)
    for one in job.inputs.get("scope", ()):
        allowed &= one if isinstance(one, Scope) else Scope(queries.ids, docs.ids, pairs=one.drop_scores())
    job.context.scope = allowed
    return allowed


def _check(name: str, found: Any, job: Job, scope: Scope, *, ranked: bool) -> None:
    """Raise StageError unless a stage gave what its kind promises."""
    if not isinstance(found, Ranking if ranked else Pairs):
        raise StageError(f"{name}: gave a {type(found).__name__}; expected a {'Ranking' if ranked else 'Pairs'}")
    if found.queries != job.get_input("queries").ids or found.docs != job.get_input("docs").ids:
        raise StageError(f"{name}: gave a list over other queries or documents than it was asked about")
    outside = [_outside(found, scope, start) for start in range(0, len(found), _CHECKED)]
    first = next((some for some in outside if len(some)), None)
    if first is not None:
        query, doc = found.queries[int(found.get_query_rows(first[:1])[0])], found.docs[int(found.rows[first[0]])]
        raise StageError(
            f"{name}: query '{query}' got document '{doc}', which is outside its scope"
            f" ({sum(len(some) for some in outside)} such pairs)"
        )


def _outside(found: Pairs, scope: Scope, start: int) -> NDArray[np.int64]:
    """Return which of the pairs from a place on, so many as are looked at together, a scope does not allow."""
    some = np.arange(start, min(start + _CHECKED, len(found)))
    outside: NDArray[np.int64] = some[~scope.allows(found.get_query_rows(some), found.rows[some])]
    return outside


__all__: Sequence[str] = (
    "combine",
    "map",
    "restrict",
    "rewritten",
    "scope",
    "score",
    "search",
)
