"""Reports to look at, made of random numbers: nothing is run, and what they say of queries, lists and means agrees."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.plan.costs import SystemCost
from nirank.report.names import name_files
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.results.query_detail import DocumentDetail, ListDetail, MissedDocument, QueryDetail, StageList
from nirank.results.query_set import QuerySet, Signs
from nirank.results.row import Conventions, Difference, PairFacts, QueryCounts, Row, Spread, StageRecall

MEASURES = ("nDCG@10", "RR@10", "R@20")
NAMES = ("BM25", "Dense", "Hybrid", "BM25 + RM3", "Hybrid + MaxSim", "SPLADE-tiny", "Three", "HNSW", "Passages")
WORDS = [
    "vitamin",
    "trial",
    "fracture",
    "dose",
    "risk",
    "protein",
    "cell",
    "growth",
    "receptor",
    "patient",
    "therapy",
    "acute",
    "blood",
    "tumour",
    "gene",
    "mutation",
    "response",
    "infection",
    "vaccine",
    "insulin",
    "muscle",
    "bone",
    "cardiac",
    "renal",
    "chronic",
    "levels",
    "increase",
    "reduce",
    "binding",
    "signal",
]
HOSTILE = (
    "<script>window.pwned = 1</script>",
    "\"><img src=x onerror='window.pwned=1'>",
    "</script><script>window.pwned=1</script>",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd\u202c \u0645\u0631\u062d\u0628\u0627",
    "emoji \U0001f469\u200d\U0001f52c / slash \\ back & amp;",
    "a 'b' \"c\" `d` ${e} {{ f }} {% g %} %2F #h=i&j",
    "line\u2028separator\ttab\nbreak",
    "constructor",
    "__proto__",
    " blank ",
)
POOL, DEPTH, PER_CHUNK, PER_TEXTS = 40, 20, 20, 200


@dataclass(frozen=True)
class _World:
    """The judged queries of a collection and what each system finds, as arrays.

    documents  (n_queries, POOL) rows of documents that any list may have
    grades     (n_queries, POOL); -1: unjudged
    first, last  (n_systems, n_queries, POOL) scores of a system's first stage and of the system
    """

    collection: str
    systems: Sequence[str]
    query_ids: Sequence[str]
    query_texts: Sequence[str]
    document_ids: Sequence[str]
    documents: NDArray[np.int64]
    grades: NDArray[np.int64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """(n_systems, n_queries, DEPTH): places in the pool, best first."""
        return np.argsort(-self.last, axis=2)[:, :, :DEPTH]

    @cached_property
    def first_rank(self) -> NDArray[np.int64]:
        """(n_systems, n_queries, POOL): ranks in the first stage's list, from 1."""
        return np.argsort(np.argsort(-self.first, axis=2), axis=2) + 1

    def evaluate(self) -> dict[str, NDArray[np.float64]]:
        """Return {measure: (n_systems, n_queries)}."""
        gains = np.take_along_axis(np.maximum(self.grades, 0)[None], self.order, axis=2).astype(float)
        discount = 1 / np.log2(np.arange(10) + 2)
        best = (-np.sort(-np.maximum(self.grades, 0), axis=1))[:, :10] @ discount
        hits = gains > 0
        first = np.where(hits[:, :, :10].any(axis=2), hits[:, :, :10].argmax(axis=2) + 1, np.inf)
        relevant = (self.grades > 0).sum(axis=1)
        return {
            "nDCG@10": gains[:, :, :10] @ discount / best,
            "RR@10": 1 / first,
            "R@20": hits.sum(axis=2) / relevant,
        }


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
    worlds = _make_worlds(n_systems, n_queries, hostile, n_seeds, n_collections)
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


def write_details(
    folder: Path,
    n_systems: int = 4,
    n_queries: int = 50,
    hostile: bool = False,
    *,
    n_seeds: int = 0,
    n_collections: int = 1,
) -> None:
    """Write the detail scripts of the report that `make_report` gives for the same values below `folder/details`."""
    for world in _make_worlds(n_systems, n_queries, hostile, n_seeds, n_collections):
        name = _name_set(world)
        place = folder / "details" / name
        place.mkdir(parents=True)
        texts = {document.id: document for document in _list_documents(world, hostile)}
        number = {id: at // PER_TEXTS for at, id in enumerate(texts)}
        details = list_query_details(world)
        for at in range(0, len(details), PER_CHUNK):
            chunk = details[at : at + PER_CHUNK]
            listed = sorted({id for query in chunk for ranked in query.lists.values() for id in _list_ids(ranked)})
            listed += sorted({id for query in chunk for id in query.judged} - set(listed))
            documents = {id: [texts[id].title, number[id], texts[id].date] for id in listed}
            _write_script(place, f"lists-{at // PER_CHUNK:04}", {"queries": chunk, "documents": documents})
        for at in range(0, len(texts), PER_TEXTS):
            some = dict(list(texts.items())[at : at + PER_TEXTS])
            _write_script(place, f"texts-{at // PER_TEXTS:04}", {"documents": some})


def list_query_details(world: _World) -> list[QueryDetail]:
    """Return the queries of a collection in detail."""
    return [
        QueryDetail(
            id=world.query_ids[at],
            text=text,
            characters=len(text),
            date="2021-03-04" if at % 2 else None,
            judged={
                world.document_ids[world.documents[at, place]]: int(world.grades[at, place])
                for place in np.flatnonzero(world.grades[at] >= 0)
            },
            lists={system: _make_list(world, number, at) for number, system in enumerate(world.systems)},
        )
        for at, text in enumerate(world.query_texts)
    ]


def _make_list(world: _World, system: int, query: int) -> ListDetail:
    places = world.order[system, query]
    ids = [world.document_ids[row] for row in world.documents[query]]
    ranks = world.first_rank[system, query]
    known = ranks <= POOL // 2
    stage = StageList(
        "BM25(k1=0.9, b=0.4)",
        tuple(int(ranks[place]) if known[place] else None for place in places),
        tuple(float(world.first[system, query, place]) if known[place] else None for place in places),
    )
    last_rank = np.argsort(np.argsort(-world.last[system, query])) + 1
    missed = tuple(
        MissedDocument(
            ids[place],
            int(world.grades[query, place]),
            int(last_rank[place]) if place % 2 else None,
            stage.stage if known[place] else None,
            int(ranks[place]) if known[place] else None,
        )
        for place in np.flatnonzero(world.grades[query] > 0)
        if place not in places
    )
    scores = tuple(float(world.last[system, query, place]) for place in places)
    return ListDetail(tuple(ids[place] for place in places), scores, (stage,), missed)


def _list_ids(ranked: ListDetail) -> list[str]:
    return [*ranked.documents, *(document.document for document in ranked.missed)]


def _list_documents(world: _World, hostile: bool) -> list[DocumentDetail]:
    rng = np.random.default_rng(5)
    documents = []
    for at, id in enumerate(world.document_ids):
        title = _write_text(rng, 6).capitalize() if not hostile else HOSTILE[at % len(HOSTILE)]
        text = f"{_write_text(rng, 60)} {HOSTILE[at % len(HOSTILE)] if hostile else ''}"
        if hostile and at == 0:
            text = text * (1_000_000 // len(text))
        documents.append(DocumentDetail(id, title, text, len(text) + 10 * (at % 3), "2022-01-01" if at % 5 else None))
    return documents


def _write_script(place: Path, name: str, content: Mapping[str, Any]) -> None:
    text = json.dumps(to_plain(content)).replace("\\", "\\\\").replace("'", "\\'")
    (place / f"{name}.js").write_text(f"nirankDetails('{place.name}/{name}', '{text}');\n")


def _make_worlds(n_systems: int, n_queries: int, hostile: bool, n_seeds: int, n_collections: int) -> list[_World]:
    worlds = []
    for number in range(n_collections):
        rng = np.random.default_rng(number)
        systems = [_name_system(at, hostile) for at in range(n_systems)]
        systems += [f"{systems[-1]}, seed {seed}" for seed in range(n_seeds)]
        n_documents = 5 * n_queries + POOL
        documents = np.stack([rng.permutation(n_documents)[:POOL] for _ in range(n_queries)])
        grades = rng.choice([-1, 0, 1, 2], p=[0.75, 0.12, 0.09, 0.04], size=(n_queries, POOL))
        grades[:, 0] = np.maximum(grades[:, 0], 1)
        hard = rng.normal(size=(n_queries, POOL))
        shape = (len(systems), n_queries, POOL)
        skill = np.resize([0.7, 0.75, 1.1, 0.8, 1.15, 0.5, 1.05, 0.74, 0.9], len(systems))[:, None, None]
        first = 12 + 2 * (np.maximum(grades, 0) * 0.8 + hard + rng.normal(scale=0.4, size=shape))
        last = np.maximum(grades, 0) * skill + hard * 0.8 + rng.normal(scale=0.5, size=shape)
        worlds.append(
            _World(
                collection=("scifact", "nfcorpus", "vaswani")[number] if not hostile else HOSTILE[number],
                systems=systems,
                query_ids=[_name_id(at, hostile, "q") for at in range(n_queries)],
                query_texts=[
                    f"{_write_text(rng, 3 + at % 9)} {HOSTILE[at % len(HOSTILE)] if hostile else ''}".strip()
                    for at in range(n_queries)
                ],
                document_ids=[_name_id(at, hostile, "d") for at in range(n_documents)],
                documents=documents,
                grades=grades,
                first=first,
                last=last,
            )
        )
    return worlds


def _name_system(at: int, hostile: bool) -> str:
    if hostile:
        return f"{HOSTILE[at % len(HOSTILE)]}{at // len(HOSTILE) or ''}"
    return NAMES[at] if at < len(NAMES) else f"{NAMES[at % len(NAMES)]} {at // len(NAMES) + 1}"


def _name_id(at: int, hostile: bool, kind: str) -> str:
    return f"{HOSTILE[at % len(HOSTILE)]}{kind}{at}" if hostile else f"{kind}{at}"


def _name_set(world: _World) -> str:
    return next(iter(name_files({0: f"{world.collection}-test-qrels"}).values()))


def _write_text(rng: np.random.Generator, n_words: int) -> str:
    return " ".join(rng.choice(WORDS, size=n_words))


def _make_rows(
    world: _World, values: Mapping[str, NDArray[np.float64]], n_seeds: int, baseline: bool, pairs: bool
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


def _make_failed_row(world: _World, system: str) -> Row:
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


def _make_query_set(world: _World, values: Mapping[str, NDArray[np.float64]]) -> QuerySet:
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
        folder=_name_set(world),
        per_chunk=PER_CHUNK,
    )


def _make_manifest(rows: Sequence[Row], worlds: Sequence[_World], hostile: bool) -> dict[str, Any]:
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
