"""Stages that read citations: who is cited, what is masked, co-citation, coupling, and the walk."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank import (
    BM25,
    Citations,
    CitationWalk,
    CoCitation,
    Coupling,
    MaskCitations,
    fold,
    rewrite,
)  # fmt: skip
from nirank.algebra.pipeline import Pipeline
from nirank.citations.graph import CitationGraph
from nirank.collections.collection import Collection
from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.store import LocalStore
from nirank.testing import check_stage

# A law a year: each cites some, and the one of 2020 is the query's own.
ACTS: dict[str, Any] = {
    "32001L0001": ("Directive 2001/1/EC on wine", "2001", ""),
    "32002L0002": ("Directive 2002/2/EC on beer", "2002", "Having regard to Directive 2001/1/EC\nWhereas: it is so."),
    "32003L0003": ("Directive 2003/3/EC on malt", "2003", "Directives 2001/1/EC and 2002/2/EC apply."),
    "32004L0004": ("Directive 2004/4/EC on hops", "2004", "Directive 2002/2/EC applies."),
    "32021R0021": ("Regulation (EU) 2021/21 on glass", "2021", "Directives 2001/1/EC, 2004/4/EC and 2003/3/EC apply."),
    "32022R0022": ("Regulation (EU) 2022/22 on cork", "2022", ""),
}
QUERIES = {
    "new": {
        "title": "Regulation amending Directive 2002/2/EC",
        "text": "Having regard to Directive 2001/1/EC,\nWhereas: wine.\nDirectives 2002/2/EC and 2002/2/EC, Directive 1999/9/EC",
        "metadata": {"date": "2020"},
    },
    "none": {"text": "wine", "metadata": {"date": "2020"}},
}  # fmt: skip


def make_collection(**changes: Any) -> Collection:
    docs = {id: {"title": title, "text": text, "metadata": {"date": date}} for id, (title, date, text) in ACTS.items()}
    return Collection.of({**docs, **changes}, QUERIES, {"new": {"32002L0002": 2}}, time="as_of_query")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def run(system: Pipeline, store: LocalStore, collection: Collection | None = None) -> dict[str, dict[str, float]]:
    result = Experiment(collection or make_collection(), {"System": system}, ["RR"], store=store).run()
    assert result.rows[0].error is None, result.rows[0].error
    return result.ranking("System").to_dict()


@pytest.mark.parametrize(
    "stage", [Citations(), MaskCitations(), MaskCitations("[LAW]"), CoCitation(), Coupling(), CitationWalk()], ids=repr
)
def test_they_obey(stage: Any) -> None:
    check_stage(stage)
    docs = {id: {"title": title, "text": text} for id, (title, _, text) in ACTS.items()}
    queries = {"q1": QUERIES["new"]["text"], "q2": "", "q3": "32004L0004 and 2003/3/EC", "q4": "Directive 2004/4/EC"}
    check_stage(stage, Collection.of(docs, queries, {"q1": {"32001L0001": 1}}))


def test_weights_of_places(store: LocalStore) -> None:
    stage = Citations(title_weight=4, preamble_weight=2)
    assert run(stage, store)["new"] == {
        "32002L0002": pytest.approx(4 + 1 + math.log(2)),
        "32001L0001": pytest.approx(2.0),
    }
    assert run(stage, store)["none"] == {}


def test_a_near_title_counts_less(store: LocalStore) -> None:
    docs = {"a": {"title": "Canada Grain Storage Act"}, "b": {"title": "Canada Grain Act"}}
    queries = {"q": "the Canada Grain Storages Act, and the Canada Grain Act"}
    collection = Collection.of(docs, queries, {"q": {"a": 1}})
    assert run(Citations(), store, collection)["q"] == {"b": 1.0, "a": 0.5}
    assert run(Citations(near_weight=0), store, collection)["q"] == {"b": 1.0}


def test_b42_an_act_s_number_finds_the_act_itself(store: LocalStore) -> None:
    docs = {
        "32021R2115": {"title": "Regulation establishing rules on plans", "text": "The plans are drawn up."},
        "32024R1468": {"title": "Regulation amending Regulation (EU) 2021/2115", "text": "Regulation (EU) 2021/2115."},
    }
    queries = {"q1": "2021/2115", "q2": "Regulation (EU) 2021/2115", "q3": "32021R2115"}
    collection = Collection.of(docs, queries, {query: {"32021R2115": 1} for query in queries})
    assert run(Citations(), store, collection) == {query: {"32021R2115": 1.0} for query in queries}


def test_what_a_row_says(store: LocalStore) -> None:
    docs = {"a": {"title": "Wine Export Order"}, "b": {"title": "Wine Export Order"}}
    collection = Collection.of(docs, {"q": "the Wine Export Order", "r": "x"}, {"q": {"a": 1}})
    row = Experiment(collection, {"System": Citations()}, ["RR"], store=store).run().rows[0]
    assert row.counts["citations_of_several_documents"] == row.counts["queries_without_citations"] == 1
    assert "'preamble': " in str(row.conventions.stages)


def test_r13_masked_queries_and_documents(store: LocalStore) -> None:
    """With the query masked nothing is cited, and BM25 no longer sees numbers; the other way round with documents."""
    assert run(rewrite(MaskCitations(), Citations()), store) == {"new": {}, "none": {}}
    assert run(rewrite(MaskCitations(), Coupling()), store) == {"new": {}, "none": {}}
    numbers = Collection.of({"32001L0001": "wine", "a": "Directive 2001/1/EC"}, {"q": "2001/1/EC"}, {"q": {"a": 1}})
    assert set(run(BM25(), store, numbers)["q"]) == {"a"}
    assert run(fold(MaskCitations(), BM25()), store, numbers)["q"] == {}
    assert run(rewrite(MaskCitations(), BM25()), store, numbers)["q"] == {}


def test_coupling_by_hand(store: LocalStore) -> None:
    """The query cites 1 and 2; document 2 cites {1}, 3 {1, 2}, 4 {2}; those of 2021 and later are out."""
    assert run(Coupling(), store)["new"] == {
        "32003L0003": pytest.approx(1.0),
        "32002L0002": pytest.approx(1 / math.sqrt(2)),
        "32004L0004": pytest.approx(1 / math.sqrt(2)),
    }


def test_co_citation_by_hand(store: LocalStore) -> None:
    """1 is cited by {2, 3}, 2 by {3, 4}: both have 1 with themselves and 1/2 with each other."""
    expected = {"32001L0001": pytest.approx(0.75), "32002L0002": pytest.approx(0.75)}
    assert run(CoCitation(), store)["new"] == expected


@pytest.mark.parametrize("system", [CoCitation(), Coupling(), BM25() >> CitationWalk(direction="both")], ids=repr)
def test_later_acts_neither_appear_nor_have_a_say(system: Pipeline, store: LocalStore) -> None:
    """A law of 2021 that cites 3 and 4 beside 1 changes nothing for a query of 2020: there would be a way through it."""
    with_later = run(system, store)
    alone = run(system, store, make_collection(**{"32021R0021": {"text": "no", "metadata": {"date": "2021"}}}))
    assert with_later["new"] == alone["new"]
    assert not {"32021R0021", "32022R0022"} & set(with_later["new"])
    assert with_later["new"]


def test_citations_in_mark_up_count(store: LocalStore) -> None:
    metadata = {"date": "2005", "cites": ["http://data.europa.eu/eli/dir/2001/1/oj", "32002L0002", "unknown"]}
    collection = make_collection(**{"32005L0005": {"title": "Fizz", "text": "", "metadata": metadata}})
    assert run(Coupling(), store, collection)["new"]["32005L0005"] == pytest.approx(1.0)


@pytest.mark.parametrize("direction", ["cited", "citing", "both"])
def test_the_walk_solves_its_equation(direction: Any) -> None:
    """p = (1 - c) · A p + c · p₀ is a system of linear equations; numpy solves it for a random graph."""
    random = np.random.default_rng(3)
    n, restart = 30, 0.2
    lists = [random.choice(n, size=random.integers(0, 4), replace=False).tolist() for _ in range(n)]
    lists[7] = []
    allowed = random.random(n) < 0.8
    start = np.where(allowed, random.random(n), 0)
    start /= start.sum()
    links = np.zeros((n, n))
    for source, rows in enumerate(lists):
        for target in rows:
            if source != target and allowed[source] and allowed[target]:
                links[source, target] += direction != "citing"
                links[target, source] += direction != "cited"
    degrees = links.sum(axis=1)
    steps = np.where(degrees > 0, links.T / np.where(degrees > 0, degrees, 1), start[:, None])
    expected = np.linalg.solve(np.eye(n) - (1 - restart) * steps, restart * start)
    walked = CitationGraph.of(lists).walk(start, allowed, restart, direction)
    np.testing.assert_allclose(walked, expected, atol=1e-11)
    assert walked.sum() == pytest.approx(1)
    assert not walked[~allowed].any()


def test_a_walk_keeps_what_it_does_not_reach(store: LocalStore) -> None:
    """From the first document of the list alone: the others stand below, in their order."""
    collection = Collection.of(
        {"32001L0001": "wine wine wine", "b": "wine wine malt", "c": "wine malt hops", "d": "Directive 2001/1/EC"},
        {"q": "wine"},
        {"q": {"b": 1}},
    )
    walk = run(BM25() >> CitationWalk(docs=1), store, collection)["q"]
    assert list(walk) == ["32001L0001", "d", "b", "c"]
    assert min(walk.values()) > 0


def test_in_yaml(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "collections: [x]\nsystems:\n  A: {citations: {title_weight: 2}}\n  B: [bm25, {citation_walk: {docs: 5}}]\n"
        "  C: {rewrite: {by: mask_citations, of: bm25}}\n  D: {weighted_sum: {of: [bm25, co_citation, coupling]}}\n"
        "measures: [RR]\n"
    )
    systems = load_config(tmp_path / "c.yaml").systems
    assert systems["A"] == Citations(title_weight=2)
    assert systems["B"] == BM25() >> CitationWalk(docs=5)
    assert systems["C"] == rewrite(MaskCitations(), BM25())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Citations(title_weight=-1), "citations: title_weight and preamble_weight must be 0 or more"),
        (lambda: Citations(near_weight=2), "citations: near_weight must be from 0 to 1"),
        (lambda: CitationWalk(docs=0), "citation_walk: docs must be 1 or more"),
        (lambda: CitationWalk(restart=0), "citation_walk: restart must be from 0.01 to 1"),
        (lambda: MaskCitations("[2014/65/EU]"), "mask_citations: mark must not be a reference itself"),
    ],
)
def test_mistakes(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
