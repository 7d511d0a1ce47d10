"""Details of what really ran: lists of stages, folds, seeds, pairs, run files, collections without judgements."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))
from toys import Lookup, Shared, make_fruits

from nirank import BM25, Collection, Experiment, Judged, Result, evaluate_runs, read_report, rrf, tune
from nirank.algebra.pipeline import Pipeline
from nirank.report.detail_files import read_document_details, read_query_details
from nirank.results.query_detail import ListDetail, MissedDocument, QueryDetail, StageList
from nirank.results.query_set import QuerySet
from nirank.stages.cut import Cut
from nirank.stages.feedback import Feedback
from nirank.stages.token_blocking import TokenBlocking
from nirank.store import LocalStore


def run(
    store: LocalStore | Path, collection: Collection, systems: dict[str, Pipeline], *measures: str, **more: Any
) -> Result:
    where = store if isinstance(store, LocalStore) else LocalStore(store / "store")
    return Experiment(collection, systems, measures or ("RR",), store=where, **more).run()


def save(result: Result, folder: Path) -> tuple[QuerySet, dict[str, QueryDetail]]:
    result.save(folder)
    (query_set,) = read_report(folder).query_sets
    details = {detail.id: detail for detail in read_query_details(folder, query_set)}
    return query_set, details


def test_a_reranked_list_says_where_its_documents_stood(tmp_path: Path) -> None:
    system = Shared() >> Lookup({"c": 9.0, "a": 5.0}) % 2
    query_set, details = save(run(tmp_path, make_fruits(), {"S": system, "T": Shared()}), tmp_path / "out")
    first = run(tmp_path, make_fruits(), {"T": Shared()}).ranking("T").to_dict()
    for query, detail in details.items():
        assert detail.lists["T"].stages == ()
        assert dict(zip(detail.lists["T"].documents, detail.lists["T"].scores, strict=True)) == first[query]
        (shared, *_) = detail.lists["S"].stages
        places = {doc: at + 1 for at, doc in enumerate(first[query])}
        assert shared == StageList(
            "Shared()",
            tuple(places[doc] for doc in detail.lists["S"].documents),
            tuple(first[query][doc] for doc in detail.lists["S"].documents),
        )
    documents = {each.id: each.text for each in read_document_details(tmp_path / "out", query_set)}
    fruits = make_fruits().docs
    texts = dict(zip(fruits.ids, fruits.columns["text"].to_pylist(), strict=True))
    assert documents and documents.items() <= texts.items()
    assert {detail.text for detail in details.values()} <= set(make_fruits().queries.columns["text"].to_pylist())
    assert list(query_set.signs) == ["S", "T"]


def test_results_are_written_when_their_store_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = run(tmp_path, make_fruits(), {"S": rrf(Shared(), Shared(bonus=1.0))})
    shutil.rmtree(tmp_path / "store")
    _, details = save(result, tmp_path / "out")
    assert all(detail.lists["S"].stages == () for detail in details.values())
    assert "is no longer in the store; details of queries go without it" in caplog.text


def test_matches_that_blocks_lost_say_which_list_last_had_them(tmp_path: Path) -> None:
    docs = {"a1": "canon powershot sx10", "a2": "sony bravia 40 tv", "a3": "nikon coolpix", "a4": "sony walkman"}
    queries = {"b1": "canon sx10 camera", "b2": "bravia tv sony", "b3": "coolpix nikon", "b4": "zzz"}
    matches = {"b1": {"a1": 1}, "b2": {"a2": 1, "a4": 1}, "b3": {"a3": 1, "a2": 0}, "b4": {"a4": 1}}
    shop = Collection.of(docs, queries, matches, name="shop")
    tokens = TokenBlocking(smoothing=None, ratio=None)
    result = run(tmp_path, shop, {"tokens": tokens, "first": tokens >> BM25() >> Cut(1)}, "PC")
    query_set, details = save(result, tmp_path / "out")
    assert query_set.values == {"tokens": {}, "first": {}}
    assert list(query_set.signs) == ["first"], "blocks have no first results"
    assert details["b2"].lists["tokens"] == ListDetail(("a2", "a4"), (None, None))
    lost = {
        (entry["query_id"], entry["document_id"]): entry["last_in"] for entry in result.lost("first").to_dict("records")
    }
    missed = {
        (query, each.document): each.last_in or ""
        for query, detail in details.items()
        for each in detail.lists["first"].missed
    }
    assert missed == lost
    assert details["b2"].lists["first"].stages[0].ranks == (0,), "the blocks had it, without order"
    assert details["b3"].judged == {"a3": 1, "a2": 0}


def test_folds_show_what_all_queries_share_and_the_lists_of_all(tmp_path: Path) -> None:
    docs = {f"d{at}": f"word{at % 4} term{at % 3}" for at in range(12)}
    queries = {f"q{at}": f"word{at % 4} more{at}" for at in range(8)}
    judged = {f"q{at}": {f"d{at}": 1} for at in range(8)}
    collection = Collection.of(docs, queries, judged, name="folded", split="test")
    tuned = tune([BM25(b=0.1), BM25(b=0.9)], on=Judged(), measure="RR")
    result = run(tmp_path, collection, {"Tuned": tuned, "BM25": BM25()}, folds=2)
    assert [row.folds for row in result.rows] == [2, None]
    query_set, details = save(result, tmp_path / "out")
    assert list(details) == [f"q{at}" for at in range(8)] == list(query_set.ids)
    ranking = result.ranking("Tuned").to_dict()
    for query, detail in details.items():
        assert list(detail.lists["Tuned"].documents) == list(ranking[query])[:20]
        assert {stage.stage[:4] for stage in detail.lists["Tuned"].stages} == {"BM25"}, "of all queries, not of a fold"


def test_judgement_sets_have_queries_of_their_own_and_without_any_all_queries_are_shown(tmp_path: Path) -> None:
    fruits = make_fruits()
    bare = Collection.of({"d": "apple pie"}, {"q1": "apple", "q2": "pear"}, name="bare")
    systems: dict[str, Pipeline] = {"S": Shared()}
    result = Experiment([fruits, bare], systems, ["RR"], store=LocalStore(tmp_path / "store")).run()
    result.save(tmp_path / "out")
    judged, unjudged = read_report(tmp_path / "out").query_sets
    assert judged.key == ("fruits", None, "qrels") and unjudged.key == ("bare", None, None)
    assert (unjudged.ids, unjudged.values, unjudged.relevant) == (("q1", "q2"), {"S": {}}, ())
    first, second = read_query_details(tmp_path / "out", unjudged)
    assert first.lists["S"].documents == ("d",) and second.lists["S"] == ListDetail((), ())
    assert first.judged == {}


def test_run_files_have_details_without_texts(tmp_path: Path) -> None:
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\nq1 0 d9 2\nq1 0 d5 0\nq2 0 d2 1\n")
    lines = [f"q1 Q0 d{at} 1 {50 - at} x" for at in (3, *range(5, 30), 1)] + ["q2 Q0 d2 1 1.5 x"]
    (tmp_path / "a.run").write_text("\n".join(lines) + "\n")
    (tmp_path / "b.run").write_text("q1 Q0 other 1 2.0 x\nq2 Q0 d3 1 2.0 x\n")
    result = evaluate_runs(tmp_path / "qrels.txt", [tmp_path / "a.run", tmp_path / "b.run"], ["RR"])
    query_set, details = save(result, tmp_path / "out")
    assert query_set.key == ("qrels.txt", None, "qrels") and query_set.ids == ("q1", "q2")
    assert (query_set.texts, query_set.relevant) == ((), (2, 1))
    assert query_set.signs["a.run"].unjudged.tolist() == [7, 0]
    listed = details["q1"].lists["a.run"]
    assert listed.documents[:3] == ("d1", "d3", "d5") and listed.scores[:3] == (49.0, 47.0, 45.0)
    assert details["q1"].lists["b.run"].missed == (
        MissedDocument("d9", 2, None, None, None),
        MissedDocument("d1", 1, None, None, None),
    )
    assert details["q1"].judged == {"d9": 2, "d1": 1, "d5": 0}
    assert list(read_document_details(tmp_path / "out", query_set)) == []
    assert not list((tmp_path / "out").rglob("texts-*.js"))


def test_a_value_of_the_environment_in_a_stage_s_options_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Shared() >> Lookup({"s3cret-word": 1.0}) >> Lookup({"a": 1.0})
    result = run(tmp_path, make_fruits(), {"S": system})
    assert any("s3cret-word" in node["label"] for node in result.plan), "or nothing is tested"
    monkeypatch.setattr("nirank.base.secrets._placeholders", {"s3cret-word": "${TOKEN}"})
    result = run(tmp_path, make_fruits(), {"S": system})
    _, details = save(result, tmp_path / "out")
    stages = {stage.stage for detail in details.values() for stage in detail.lists["S"].stages}
    assert any("${TOKEN}" in stage for stage in stages)
    for path in (tmp_path / "out").rglob("*"):
        if path.suffix in (".js", ".json", ".html", ".md", ".csv"):
            assert "s3cret-word" not in path.read_text(), path
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["plan"]


def test_a_mean_over_seeds_has_values_and_its_seeds_have_lists(tmp_path: Path) -> None:
    records = {f"d{at:02}": f"word{at % 5} other{at % 7}" for at in range(30)}
    collection = Collection.of(records, {"q": "word1 other2"}, {"q": {"d01": 1, "d16": 1, "d07": 0}}, name="review")
    systems: dict[str, Pipeline] = {"F": BM25() >> Feedback("auto_tar", presumed=5)}
    query_set, details = save(run(tmp_path, collection, systems, "AP", seeds=[1, 2]), tmp_path / "out")
    assert sorted(query_set.values) == ["F", "F (seed 1)", "F (seed 2)"]
    assert list(query_set.signs) == list(details["q"].lists) == ["F (seed 1)", "F (seed 2)"]
