"""Reports to look at, made of random numbers: nothing is run, and what they say of queries, lists and means agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report_worlds import HOSTILE, NAMES, PER_CHUNK, World, make_worlds, name_set

from nirank.plan.costs import SystemCost
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.results.query_set import QuerySet, Signs
from nirank.results.row import Conventions, Difference, PairFacts, QueryCounts, Row, Spread, StageRecall

MEASURES = ("nDCG@10", "RR@10", "R@20")


def make_report(
    n_systems: int = 4,
    n_queries: int = 50,
    hostile: bool = False,
    *,
    n_seeds: int = 0,
    n_failed: int = 0,
    n_collections: int = 1,
    baseline: bool = False,
    pairs: bool = False,
) -> Report:
    """Return a report of random numbers.

    hostile        names, ids and texts that try to be markup, paths or something else
    n_seeds        of the last system, which then is trained; its rows of single seeds are in the report too
    n_failed       more systems, which failed
    n_collections  with more than one there is a group of all of them
    baseline       compared with the first system
    pairs          records are paired: rows are of `unit` pair
    """
    worlds = make_worlds(n_systems, n_queries, hostile, n_seeds, n_collections)
    rows: list[Row] = []
    comparisons, sets = [], []
    for world in worlds:
        values = world.evaluate()
        made, compared = _make_rows(world, values, n_seeds, baseline, pairs)
        made += [_make_failed_row(world, f"{NAMES[at % len(NAMES)]} failed {at}") for at in range(n_failed)]
        rows += made
        comparisons.append(compared)
        sets.append(_make_query_set(world, values))
    if n_collections > 1:
        rows += _make_group_rows(rows)
    return Report(rows, MEASURES, comparisons, _make_manifest(rows, worlds, hostile), sets)


def _make_rows(
    world: World, values: Mapping[str, NDArray[np.float64]], n_seeds: int, baseline: bool, pairs: bool
) -> tuple[list[Row], dict[str, Any]]:
    n_systems, n_queries = len(world.systems) - n_seeds, len(world.query_ids)
    means = {name: _average_seeds(table, n_seeds)[:n_systems] for name, table in values.items()}
    base = world.systems[0] if baseline else None
    words = f"randomisation test, 10,000 resamples, Holm over {3 * n_systems * (n_systems - 1) // 2} comparisons, alpha 0.05"
    conventions = Conventions(
        ties="score descending, then document id descending by bytes (trec_eval's rule)",
        mean="over declared and judged queries; unanswered ones count 0",
        gain="linear (grade), negative grades 0",
        min_rel=1,
        self_match="keep",
        time="all",
        comparisons=words if n_systems > 1 else None,
    )
    differences = [
        _compare(name, world.systems, table, a, b, base)
        for name, table in means.items()
        for a in range(n_systems)
        for b in range(a + 1, n_systems)
    ]
    rows = []
    for at in range(len(world.systems)):
        is_seed = at >= n_systems
        system = world.systems[at]
        trained = n_seeds > 0 and (is_seed or at == n_systems - 1)
        row = Row(
            world.collection,
            system,
            split="test",
            qrels="qrels",
            unit="pair" if pairs else "query",
            pipeline="BM25(k1=0.9, b=0.4)" if at == 0 else f"RRF().of(BM25(k1=0.9, b=0.4), Dense('model-{at}'))",
            address=f"{at:032x}",
            depth=1000,
            longest_list=1302 if at == 2 else 1000,
            queries=QueryCounts(n_queries, n_queries, n_queries - 1, missing=1, tied=at),
            measures={name: float(values[name][at].mean()) for name in MEASURES},
            judged_at={"10": 0.4, "20": 0.3},
            alpha=0.05,
            cost=SystemCost(
                ms_per_query=0.8 * 2.3**at if at < n_systems else 5.0,
                index_s=3.0 * (at + 1),
                parameters=0 if at == 0 else 22_713_216 * at,
                device_s=float(at),
                training_s=61.5 if trained else None,
                measured="mixed" if at % 2 else "now",
                devices=("cpu",),
            ),
            conventions=conventions,
            zero_shot="yes" if at == 0 else "unknown",
            stages=(
                StageRecall("BM25(k1=0.9, b=0.4)", 3 * n_queries, 5 * n_queries, 0.61, {"nDCG@10": 0.7}),
                StageRecall(system, 2 * n_queries, 5 * n_queries, 0.45, {"nDCG@10": 0.6}),
            ),
            pairs=PairFacts(20 * n_queries, 20.0, 300, 250, 50, None, n_queries, n_queries, n_queries, True)
            if pairs
            else None,
            trained_on_test=trained,
            seed=at - n_systems if is_seed else None,
            seed_of=world.systems[n_systems - 1] if is_seed else None,
        )
        if not is_seed:
            row = replace(row, baseline=base, **_describe(means, differences, world.systems, at, n_systems, base))
        if trained and not is_seed:
            seeds = {name: table[n_systems:].mean(axis=1) for name, table in values.items()}
            spread = {name: Spread(float(v.std()), float(v.min()), float(v.max())) for name, v in seeds.items()}
            row = replace(
                row,
                seeds=tuple(range(n_seeds)),
                spread=spread,
                measures={name: float(seed_values.mean()) for name, seed_values in seeds.items()},
            )
        rows.append(row)
    compared = {
        "collection": world.collection, "split": "test", "qrels": "qrels", "test": "randomisation",
        "correction": "holm", "alpha": 0.05, "resamples": 10_000, "seed": 0, "baseline": base,
        "family": len(differences), "pairs": [to_plain(difference) for difference in differences],
        "queries_left_out": 0,
    }  # fmt: skip
    return rows, compared


def _average_seeds(table: NDArray[np.float64], n_seeds: int) -> NDArray[np.float64]:
    """Return per-query values, the last system's as the mean over its seeds."""
    if not n_seeds:
        return table
    averaged = table.copy()
    averaged[-n_seeds - 1] = table[-n_seeds:].mean(axis=0)
    return averaged


def _compare(
    measure: str, systems: Sequence[str], table: NDArray[np.float64], a: int, b: int, base: str | None
) -> Difference:
    """Return a difference with the interval and p of a z test, which is near enough for something to look at."""
    from statistics import NormalDist

    delta = table[b] - table[a]
    mean = float(delta.mean())
    error = float(delta.std() / np.sqrt(len(delta))) or 1e-9
    p = 2 * (1 - NormalDist().cdf(abs(mean) / error))
    return Difference(
        measure, systems[a], systems[b], len(delta), mean, (mean - 1.96 * error, mean + 1.96 * error), p,
        min(1.0, p * 12), min(1.0, p * 4) if base in (systems[a], systems[b]) else None,
        mean / (float(delta.std()) or 1.0), int((delta > 0).sum()), int((delta == 0).sum()), int((delta < 0).sum()),
        2.8 * error,
    )  # fmt: skip


def _describe(
    means: Mapping[str, NDArray[np.float64]],
    differences: Sequence[Difference],
    systems: Sequence[str],
    at: int,
    n_systems: int,
    base: str | None,
) -> dict[str, Any]:
    """Return the intervals, groups and differences from the baseline of a system."""
    intervals, groups = {}, {}
    for name, table in means.items():
        half = 1.96 * float(table[at].std()) / np.sqrt(table.shape[1])
        middle = float(table[at].mean())
        intervals[name] = (middle - half, middle + half)
        levels = np.round(table.mean(axis=1) * 20).astype(int)
        groups[name] = "abcdefghijkl"[sorted(set(levels.tolist()), reverse=True).index(int(levels[at]))]
    chosen = {d.measure: d for d in differences if base is not None and d.a == base and d.b == systems[at]}
    return {"intervals": intervals, "groups": groups, "differences": chosen} if n_systems > 1 else {}


def _make_failed_row(world: World, system: str) -> Row:
    nulls = dict.fromkeys(MEASURES, "the system failed")
    error = f"Dense('no/model'): model 'no/model' cannot be loaded for {world.collection}"
    return Row(
        world.collection, system, split="test", qrels="qrels", pipeline="Dense('no/model')", status="failed",
        error=error, measures=dict.fromkeys(MEASURES), nulls=nulls,
    )  # fmt: skip


def _make_group_rows(rows: Sequence[Row]) -> list[Row]:
    collections = tuple(dict.fromkeys(row.collection for row in rows))
    groups = []
    for system in dict.fromkeys(row.system for row in rows if row.status == "ok"):
        of = [row for row in rows if row.system == system]
        means = {name: float(np.mean([row.measures[name] or 0.0 for row in of])) for name in MEASURES}
        groups.append(
            Row(
                "all collections",
                system,
                pipeline=of[0].pipeline,
                seed=of[0].seed,
                seed_of=of[0].seed_of,
                summary_of=collections,
                measures=means,
                average_rank=dict.fromkeys(MEASURES, 2.5),
                queries=QueryCounts(*(sum(getattr(row.queries, n) for row in of) for n in ("declared", "judged"))),
                depth=1000,
            )
        )
    return groups


def _make_query_set(world: World, values: Mapping[str, NDArray[np.float64]]) -> QuerySet:
    gone = world.grades > 0
    signs = {}
    for at, system in enumerate(world.systems):
        head = np.take_along_axis(world.grades, world.order[at][:, :10], axis=1)
        in_first = (world.first_rank[at] <= 10) & gone
        in_last = np.zeros_like(gone)
        np.put_along_axis(in_last, world.order[at][:, :10], values=True, axis=1)
        signs[system] = Signs(
            unjudged=(head < 0).sum(axis=1),
            lost=(in_first & ~in_last).sum(axis=1),
            later=np.arange(len(world.query_ids)) % 3,
        )
    return QuerySet(
        world.collection,
        "test",
        "qrels",
        ids=tuple(world.query_ids),
        texts=tuple(text[:200] for text in world.query_texts),
        relevant=tuple(gone.sum(axis=1).tolist()),
        values={system: {name: table[at] for name, table in values.items()} for at, system in enumerate(world.systems)},
        signs=signs,
        folder=name_set(world),
        per_chunk=PER_CHUNK,
    )


def _make_manifest(rows: Sequence[Row], worlds: Sequence[World], hostile: bool) -> dict[str, Any]:
    text = HOSTILE[0] if hostile else "42 documents have the same text as another one"
    systems = {row.system: row.pipeline for row in rows}
    plan = [
        {"id": "n0", "label": "corpus", "kind": "import", "inputs": [], "systems": list(systems), "found": True,
         "seconds": 1.0, "bytes": 10_000_000, "offline": True, "training": False},
        {"id": "n1", "label": "BM25 index", "kind": "index", "inputs": [["documents", "n0"]], "systems": list(systems),
         "found": False, "seconds": 3.0, "bytes": 4_000_000, "offline": True, "training": False},
        *({"id": f"s{at}", "label": pipeline, "kind": "search", "inputs": [["index", "n1"]], "systems": [system],
           "found": False, "seconds": 0.5 * at, "bytes": 100_000, "offline": False, "training": False}
          for at, (system, pipeline) in enumerate(systems.items())),
    ]  # fmt: skip
    return {
        "version": 2,
        "began": "2026-11-30T09:29:49+00:00",
        "ended": "2026-11-30T10:40:30+00:00",
        "seconds": 4240.3,
        "command": ["nirank", "run", "experiments/example.yaml", "--out", text],
        "config_file": "experiments/example.yaml",
        "config": {"collections": [world.collection for world in worlds], "systems": systems},
        "systems": systems,
        "measures": list(MEASURES),
        "collections": [
            {"name": world.collection, "split": "test", "source": f"data/{world.collection}",
             "digests": {"docs": "f4694afc481a5ccf", "queries": "6dbfdec658a8edb4"},
             "counts": {"docs": len(world.document_ids), "queries": len(world.query_ids)}}
            for world in worlds
        ],
        "computed": ["BM25 index"],
        "versions": {"python": "3.13.0", "nirank": "0.1.0", "numpy": "2.2.0"},
        "machine": {"platform": "Linux", "processor": "a processor", "cores": 2},
        "findings": {
            world.collection: [
                {"code": "twins", "severity": "warning", "count": 42, "message": text, "examples": ["d1", "d2"]},
                {"code": "short-queries", "severity": "note", "count": 3, "message": "3 queries have one word",
                 "examples": []},
            ]
            for world in worlds
        },
        "drawings": {system: f"{pipeline}\n└─ {text if hostile else 'BM25'}" for system, pipeline in systems.items()},
        "plan": plan,
    }  # fmt: skip
