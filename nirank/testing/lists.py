"""The laws of stages that find, score and combine."""

from __future__ import annotations

import pickle

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.stage import Combiner
from nirank.collections.texts import Texts
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.testing.bench import Bench
from nirank.testing.law import TOLERANCE, copy_arrays, demand, demand_same, run_law, take_queries


def check_retriever(bench: Bench) -> None:
    """Check determinism, prefixes, sharding and the scope."""
    stage, queries, docs = bench.stage, bench.queries, bench.docs
    everything = Scope(queries.ids, docs.ids)
    k = min(stage.k or 5, 5)
    results = bench.search(queries, everything, k, "no scope")
    demand(results == bench.search(queries, everything, k, "determinism"), stage, "determinism", "twice, two results")

    deepest = bench.search(queries, everything, None, "whole lists")
    if stage.prefix_exact and isinstance(deepest, Ranking):
        demand_same(deepest.cut(k), results, stage, "prefix", "the first k of a whole search are not the search at k")
    for rows in (*bench.split_queries(), np.arange(len(queries))[::-1], np.empty(0, np.int64)):
        part = queries.take(rows)
        shard = bench.search(part, Scope(part.ids, docs.ids), k, "sharding")
        demand_same(take_queries(results, rows, part), shard, stage, "sharding", "some queries alone get other results")

    mixed = bench.make_scope()
    for scope in (
        Scope(queries.ids, docs.ids, mask=mixed.mask),
        Scope(queries.ids, docs.ids, pairs=mixed.pairs),
        Scope(queries.ids, docs.ids, own_rows=mixed.own_rows),
        Scope(queries.ids, docs.ids, excluded=mixed.excluded),
        mixed,
        Scope(queries.ids, docs.ids, mask=np.zeros(len(docs), np.bool_)),
    ):
        before = pickle.dumps((scope.mask, scope.own_rows))
        scoped = bench.search(queries, scope, k, "scope")
        demand(
            before == pickle.dumps((scope.mask, scope.own_rows)), stage, "inputs not changed", "the scope was changed"
        )
        if stage.prefix_exact:
            inside = deepest.select(scope.allows(deepest.query_rows, deepest.rows))
            wanted = inside.cut(k) if isinstance(inside, Ranking) else inside
            demand_same(wanted, scoped, stage, "scope", "a scoped search is not the whole search masked")


def check_scorer(bench: Bench) -> None:
    """Check that scores are finite, repeatable, and independent of each other."""
    stage, queries = bench.stage, bench.queries

    def score(pairs: Pairs, side: Texts, law: str) -> NDArray[np.floating]:
        with run_law(stage, law):
            scores = np.asarray(stage.score(pairs, bench.make_context(side)))
        fits = scores.shape == (len(pairs),) and np.issubdtype(scores.dtype, np.floating)
        demand(fits, stage, law, f"gave {scores.dtype} of shape {scores.shape} for {len(pairs)} pairs; expected floats")
        for position in np.flatnonzero(~np.isfinite(scores))[:1]:
            query, doc = pairs.queries[pairs.query_rows[position]], pairs.docs[pairs.rows[position]]
            raise AssertionError(f"{stage!r}: {law}: query '{query}', document '{doc}' has score {scores[position]}")
        return scores

    ranking = bench.make_lists(1)[0]
    before = pickle.dumps(copy_arrays(ranking))
    scores = score(ranking, queries, "scores")
    same = np.array_equal(scores, score(ranking, queries, "determinism"))
    demand(same, stage, "determinism", "twice, two results")
    demand(before == pickle.dumps(copy_arrays(ranking)), stage, "inputs not changed", "the list was changed")

    def demand_close(scores: NDArray[np.floating], others: NDArray[np.floating], what: str) -> None:
        demand(np.allclose(scores, others, rtol=TOLERANCE, atol=TOLERANCE), stage, "each score is independent", what)

    plain = ranking.drop_scores()
    order = np.argsort(ranking.keys, kind="stable")
    demand_close(scores[order], score(plain, queries, "pairs"), "the order of pairs changes their scores")
    third = np.arange(len(plain)) % 3 == 0
    demand_close(scores[order][third], score(plain.select(third), queries, "pairs"), "fewer pairs change the scores")
    for rows in (*bench.split_queries(), np.arange(len(queries))[::-1], np.empty(0, np.int64)):
        part = queries.take(rows)
        positions = np.concatenate(
            [np.arange(*ranking.offsets[row : row + 2]) for row in rows] or [np.empty(0, np.int64)]
        )
        demand_close(
            scores[positions], score(ranking.take(rows, part.ids), part, "sharding"), "other queries change the scores"
        )
    score(ranking.select(np.zeros(len(ranking), np.bool_)), queries, "empty ranking")


def check_combiner(bench: Bench) -> None:
    """Check determinism, sharding, empty lists and the scope."""
    stage, queries, docs = bench.stage, bench.queries, bench.docs
    everything = Scope(queries.ids, docs.ids)
    lists = bench.make_lists(_count_lists(stage))
    results = bench.combine(lists, queries, everything, "no scope")
    again = bench.combine(lists, queries, everything, "determinism")
    demand(results == again, stage, "determinism", "twice, two results")
    for rows in (*bench.split_queries(), np.arange(len(queries))[::-1], np.empty(0, np.int64)):
        part = queries.take(rows)
        lists_of_part = [ranking.take(rows, part.ids) for ranking in lists]
        shard = bench.combine(lists_of_part, part, Scope(part.ids, docs.ids), "sharding")
        demand_same(take_queries(results, rows, part), shard, stage, "sharding", "some queries alone get other results")
    empty = [ranking.select(np.zeros(len(ranking), np.bool_)) for ranking in lists]
    bench.combine(empty, queries, everything, "empty ranking")
    for i in range(len(lists)):
        bench.combine([*lists[:i], empty[i], *lists[i + 1 :]], queries, everything, "one empty ranking")
    scope = bench.make_scope()
    bench.combine(bench.make_lists(len(lists), scope), queries, scope, "scope")
    if "pairs" in stage.takes:
        plain = bench.combine([ranking.drop_scores() for ranking in lists], queries, everything, "pairs")
        if stage.gives == "pairs":
            demand(plain == results, stage, "pairs", "scores change which pairs are given")


def _count_lists(stage: Combiner) -> int:
    """Return the least number of lists that a combiner's options fit."""
    least, most = stage.lists
    for n in range(least, (most or least + 8) + 1):
        try:
            stage.check_inputs(n)
        except ValueError:
            continue
        return n
    raise AssertionError(f"{stage!r}: its options fit no number of lists from {least} to {most or least + 8}")
