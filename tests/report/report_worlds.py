"""Collections of random numbers: judged queries, what each system finds, and the details of every query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.report.names import name_files
from nirank.report.plain import to_plain
from nirank.results.query_detail import DocumentDetail, ListDetail, MissedDocument, QueryDetail, StageList

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
class World:
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
    for world in make_worlds(n_systems, n_queries, hostile, n_seeds, n_collections):
        name = name_set(world)
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


def list_query_details(world: World) -> list[QueryDetail]:
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


def _make_list(world: World, system: int, query: int) -> ListDetail:
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


def _list_documents(world: World, hostile: bool) -> list[DocumentDetail]:
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


def make_worlds(n_systems: int, n_queries: int, hostile: bool, n_seeds: int, n_collections: int) -> list[World]:
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
            World(
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


def name_set(world: World) -> str:
    return next(iter(name_files({0: f"{world.collection}-test-qrels"}).values()))


def _write_text(rng: np.random.Generator, n_words: int) -> str:
    return " ".join(rng.choice(WORDS, size=n_words))
