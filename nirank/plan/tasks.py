"""The tasks that run stages. Each takes a Job and returns the value that becomes the artifact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections.texts import Texts
from nirank.errors import StageError
from nirank.node import Job
from nirank.pairs import Pairs, offsets_of, segment_positions
from nirank.pipeline import Keep
from nirank.ranking import Ranking
from nirank.scope import Scope
from nirank.stage import Combiner, Retriever, ScopeStage, Scorer, TextMap


def search(job: Job) -> Pairs:
    """Run a retriever inside the scope, and check that it stayed there."""
    stage: Retriever = job.stage
    scope = _scope(job)
    found = stage.search(job.one("queries"), scope, job.depth, job.context)
    _check(stage.name, found, job, scope, ranked=stage.gives == "ranking")
    if job.depth is not None:
        if found.counts.max(initial=0) > job.depth:
            raise StageError(
                f"{stage.name}: gave {found.counts.max()} documents for a query; expected at most {job.depth}"
            )
        short = found.counts < job.depth
        if short.any():
            job.context.count("short_lists", int((found.counts < np.minimum(job.depth, scope.counts())).sum()))
    return found


def score(job: Job) -> Ranking:
    """Score each list's head; the tail keeps its old order below the head's least score."""
    stage: Scorer = job.stage
    found: Pairs = job.one("list")
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
    scope = _scope(job)
    found = stage.combine(job.inputs["list"], job.context)
    _check(stage.name, found, job, scope, ranked=stage.gives == "ranking")
    return found


def map(job: Job) -> Texts:
    """Run a text map; parents always name rows of the side that the first map read."""
    stage: TextMap = job.stage
    texts: Texts = job.one("texts")
    feedback = next(iter(job.inputs.get("list", ())), None)
    made = stage.map(texts, feedback, job.context)
    if made.parents is None or len(made.parents) != len(made):
        raise StageError(f"{stage.name}: every text that it makes must name its parent row")
    if len(made) and not (made.parents.min() >= 0 and made.parents.max() < len(texts)):
        raise StageError(f"{stage.name}: a parent row lies outside 0 to {len(texts) - 1}")
    parents = made.parents if texts.parents is None else np.asarray(texts.parents)[made.parents]
    return Texts(made.ids, made.columns, np.asarray(parents, np.int64))


def scope(job: Job) -> Scope:
    """Run a scope stage."""
    stage: ScopeStage = job.stage
    return stage.scope(job.one("queries"), job.one("docs"), job.context)


def restrict(job: Job) -> Pairs:
    """Leave of a list what a scope allows; where a cut list lost documents, it is certain less deep."""
    found: Pairs = job.one("list")
    kept = found.select(_scope(job).allows(found.query_rows, found.rows))
    if not isinstance(found, Ranking) or not isinstance(kept, Ranking) or len(kept) == len(found):
        return kept
    return Ranking(kept.queries, kept.docs, kept.offsets, kept.rows, kept.scores, _certain(found, kept.counts))


def rewritten(job: Job) -> Texts:
    """Give the rewritten texts the declared queries' ids and order; a query without one is empty."""
    queries: Texts = job.one("texts")
    made: Texts = job.one("made")
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
    return Texts(queries.ids, columns)


def scope_of_parts(job: Job) -> Scope:
    """Translate a scope over documents into one over their parts; `fold` takes out own documents."""
    queries, parts = job.one("queries"), job.one("docs")
    allowed = _scope(job, docs=job.one("whole"))
    parents = np.asarray(parts.parents)
    mask = None if allowed.mask is None else allowed.mask[parents]
    pairs = None if allowed.pairs is None else _expand(allowed.pairs, parts)[0]
    between = tuple(one.of_parts(parents) for one in allowed.between)
    return Scope(queries.ids, parts.ids, mask, pairs, between=between)


def list_of_parts(job: Job) -> Pairs:
    """Turn a list of documents into the list of their parts, each with its document's score."""
    found: Pairs = job.one("list")
    pairs, came_from = _expand(found, job.one("docs"))
    if not isinstance(found, Ranking):
        return pairs
    scores = np.asarray(found.scores)[came_from]
    ranked = Ranking.build(pairs.queries, pairs.docs, pairs.query_rows, pairs.rows, scores, source="parts")
    depth = _certain(found, ranked.counts)
    return Ranking(ranked.queries, ranked.docs, ranked.offsets, ranked.rows, ranked.scores, depth)


def fold(job: Job) -> Ranking:
    """Fold a ranking of parts into one of documents; its depth is how many documents are certain."""
    found: Ranking = job.one("list")
    parts: Texts = job.one("parts")
    docs: Texts = job.one("docs")
    keep: Keep = job.params["keep"]
    keys = found.query_rows * max(len(docs), 1) + np.asarray(parts.parents)[found.rows]
    order = np.lexsort((found.rows, keys))
    sorted_keys, scores = keys[order], np.asarray(found.scores)[order]
    starts = np.flatnonzero(np.diff(sorted_keys, prepend=-1))
    if keep == "max":
        folded = np.maximum.reduceat(scores, starts) if len(starts) else scores
    elif keep == "first":
        folded = scores[starts]
    else:
        lengths = np.diff(np.append(starts, len(scores)))
        folded = np.add.reduceat(scores.astype(np.float64), starts) / lengths if len(starts) else scores
    q, d = np.divmod(sorted_keys[starts], max(len(docs), 1))
    inside = _scope(job).allows(q, d)
    q, d, folded = q[inside], d[inside], folded[inside]
    ranked = Ranking.build(found.queries, docs.ids, q, d, folded, source="fold")
    depth = _certain(found, ranked.counts)
    return Ranking(ranked.queries, ranked.docs, ranked.offsets, ranked.rows, ranked.scores, depth)


def _certain(found: Ranking, counts: NDArray[np.int64]) -> int | None:
    """Return the fewest made documents (or parts) of any query whose list was cut; None where none was."""
    if found.depth is None:
        return None
    was_cut = found.counts >= found.depth
    return max(int(counts[was_cut].min()), 1) if was_cut.any() else None


def _expand(pairs: Pairs, parts: Texts) -> tuple[Pairs, Any]:
    """Return the parts of each pair's document, and for each of them the position of its pair."""
    parents = np.asarray(parts.parents)
    by_parent = np.argsort(parents, kind="stable")
    starts = offsets_of(parents[by_parent], len(pairs.docs))
    lengths = np.diff(starts)[pairs.rows]
    rows = by_parent[segment_positions(starts[:-1][pairs.rows], lengths)]
    came_from = np.repeat(np.arange(len(pairs)), lengths)
    q = pairs.query_rows[came_from]
    order = np.lexsort((rows, q))
    made = Pairs(pairs.queries, parts.ids, offsets_of(q[order], len(pairs.queries)), rows[order])
    return made, came_from[order]


def _scope(job: Job, docs: Texts | None = None) -> Scope:
    """Return what all scopes of the job allow together."""
    queries, docs = job.one("queries"), docs or job.one("docs")
    allowed = Scope(queries.ids, docs.ids)
    for one in job.inputs.get("scope", ()):
        allowed &= one if isinstance(one, Scope) else Scope(queries.ids, docs.ids, pairs=one.unscored())
    job.context.scope = allowed
    return allowed


def _check(name: str, found: Any, job: Job, scope: Scope, *, ranked: bool) -> None:
    """Raise StageError unless a stage gave what its kind promises."""
    if not isinstance(found, Ranking if ranked else Pairs):
        raise StageError(f"{name}: gave a {type(found).__name__}; expected a {'Ranking' if ranked else 'Pairs'}")
    if found.queries != job.one("queries").ids or found.docs != job.one("docs").ids:
        raise StageError(f"{name}: gave a list over other queries or documents than it was asked about")
    outside = ~scope.allows(found.query_rows, found.rows)
    if outside.any():
        at = int(np.argmax(outside))
        raise StageError(
            f"{name}: query '{found.queries[found.query_rows[at]]}' got document '{found.docs[found.rows[at]]}',"
            f" which is outside its scope ({int(outside.sum())} such pairs)"
        )


__all__: Sequence[str] = (
    "combine",
    "fold",
    "list_of_parts",
    "map",
    "restrict",
    "rewritten",
    "scope",
    "scope_of_parts",
    "score",
    "search",
)
